// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace bench {

/// Calls of malloc and its kin so far, `operator new` included: those of every thread and of every library in the
/// process, so that ours and the peers are counted alike.
std::uint64_t allocations() noexcept;

} // namespace bench
