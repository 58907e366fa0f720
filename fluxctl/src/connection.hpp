// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/nats.hpp>

#include "command.hpp"

#include <memory>

namespace fluxctl {

/// What to do when a connection is lost: close, or try to have it again for as long as it takes.
enum class WhenLost { close, reconnect };

/// A connection to the broker of the command line, or an Error within 3 s that says what to do.
fluxlib::Task<std::shared_ptr<fluxmq::Nats>> connect(const Context& context,
                                                     WhenLost when_lost = WhenLost::close);

} // namespace fluxctl
