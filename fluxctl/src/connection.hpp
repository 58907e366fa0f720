// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/nats.hpp>

#include "command.hpp"

#include <memory>

namespace fluxctl {

/// A connection to the broker of the command line, or an Error within 3 s that says what to do. It does not try again
/// when it is lost.
fluxlib::Task<std::shared_ptr<fluxmq::Nats>> connect(const Context& context);

} // namespace fluxctl
