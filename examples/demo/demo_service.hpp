// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/service.hpp>

#include <string>

namespace demo {

/// A service that knows the demo's nodes, ends at its first tick, and at the first error.
class DemoService : public fluxlib::Service {
public:
    DemoService(std::string id, fluxlib::ServiceOptions options);

    /// The first error; empty when there was none.
    const std::string& failure() const noexcept { return failure_; }

protected:
    fluxlib::Task<> on_tick(const fluxlib::Tick& tick) override;
    fluxlib::Task<> on_error(const fluxlib::Message& message) override;

private:
    std::string failure_;
};

} // namespace demo
