// SPDX-License-Identifier: MIT
#include "demo_service.hpp"

#include "line_meter.hpp"
#include "line_source.hpp"
#include "line_summary.hpp"
#include "load_rates.hpp"
#include "load_source.hpp"
#include "load_table.hpp"

namespace demo {

DemoService::DemoService(std::string id, fluxlib::ServiceOptions options)
    : Service{std::move(id), std::move(options)} {
    // The names that a config calls them by.
    register_node<LoadSource>("load-source");
    register_node<LoadRates>("load-rates");
    register_node<LoadTable>("load-table");
    register_node<LineSource>("line-source");
    register_node<LineMeter>("line-meter");
    register_node<LineSummary>("line-summary");
}

fluxlib::Task<> DemoService::on_tick(const fluxlib::Tick&) {
    shutdown();
    co_return;
}

// What any hook of any node throws comes here, after it has gone to the node itself.
fluxlib::Task<> DemoService::on_error(const fluxlib::Message& message) {
    if (failure_.empty())
        failure_ = message.text();
    shutdown();
    co_return;
}

} // namespace demo
