// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/service.hpp>

#include <memory>
#include <string>

namespace demo {

/// Prints what a service and its nodes announce, as it happens: what a manager sees of them.
class Lifecycle {
public:
    Lifecycle(std::shared_ptr<fluxmq::Transport> transport, const fluxmq::Topic& topic);

    fluxlib::Task<> watch(std::string service_id);

    /// Prints what is on its way still, and closes the transport.
    fluxlib::Task<> finish();

private:
    void print(const std::string& who, std::string_view what);

    fluxlib::Service service_;
    fluxmq::Clock::time_point begin_;
};

} // namespace demo
