// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/node.hpp>
#include <fluxlib/plugin.hpp>
#include <fluxmq/error.hpp>
#include <fluxmq/json.hpp>

#include <boost/describe/members.hpp>
#include <boost/mp11/algorithm.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

/// What the nodes that come with fluxctl have in common.
namespace flux_stock {

using fluxlib::DataNode;
using fluxlib::Message;
using fluxlib::Service;
using fluxlib::Task;

/// Throws Error{invalid_settings} that names the field.
[[noreturn]] void refuse(std::string_view field, const std::string& why);

/// For settings in milliseconds: between 1 and a day.
void check_milliseconds(std::string_view field, std::int64_t value);

/// Which ports a class of nodes has; an empty name is for none. They need not be wired.
struct Ports {
    std::string_view input = {};
    std::string_view output = {};
};

/// Throws Error{unknown_port} for a port of `data` that is not of `ports`.
void check_ports(const DataNode& data, Ports ports);

/// Options for a node of `data`. A message is never dropped for want of room: it waits before the input, and whoever
/// feeds a flow awaits flush(). Throws as check_ports().
fluxlib::NodeOptions options_for(const DataNode& data, Ports ports);

/// A node whose settings are a described struct with a `void check() const` that refuses wrong values, at its making
/// and later.
template <class Settings>
class StockNode : public fluxlib::Node {
protected:
    StockNode(Service& service, const DataNode& data, Ports ports)
        : StockNode{service, data, ports, std::nullopt} {}

    /// One that ticks by itself: with the timer of its config, or else each `interval` of its settings, which then
    /// cannot be changed as long as it lives.
    StockNode(Service& service, const DataNode& data, Ports ports, std::int64_t Settings::* interval)
        : StockNode{service, data, ports, std::optional{read(data.settings).*interval}} {
        interval_ = interval;
    }

    /// Those of now.
    const Settings& set() const noexcept { return set_; }

    /// Publishes on the output, to whoever is wired to it.
    void send(const fluxlib::Payload& payload) {
        if (out_)
            out_->publish(payload);
    }

    Task<> on_settings(Message) override {
        set_ = read(settings());
        co_return;
    }

    void check_config(const DataNode& wanted) const override { check_ports(wanted, ports_); }

    void check_settings(const boost::json::object& wanted) const override {
        const auto next = read(wanted);
        if (interval_ && next.*interval_ != set_.*interval_)
            refuse("interval", "cannot be changed while the node lives");
    }

private:
    StockNode(Service& service, const DataNode& data, Ports ports, std::optional<std::int64_t> interval)
        : Node{service, data.id, with_timer(options_for(data, ports), interval)}, ports_{ports},
          set_{read(data.settings)}, out_{ports.output.empty() ? nullptr : &output(ports.output)} {}

    static fluxlib::NodeOptions with_timer(fluxlib::NodeOptions options,
                                           std::optional<std::int64_t> interval) {
        const auto& own = options.node.timer;
        if (interval && (!own || own->type == fluxlib::TimerType::none))
            options.timer =
                fluxlib::DataTimer{fluxlib::TimerType::local, std::chrono::milliseconds{*interval}};
        return options;
    }

    static Settings read(const boost::json::object& object) {
        using Members = boost::describe::describe_members<Settings, boost::describe::mod_public>;
        for (const auto& [key, value] : object) {
            bool known = false;
            std::string names;
            boost::mp11::mp_for_each<Members>([&](auto member) {
                known = known || key == member.name;
                names += (names.empty() ? "" : ", ") + std::string{member.name};
            });
            if (!known)
                refuse(key, "is not known; there are " + (names.empty() ? "none" : names));
        }
        auto settings = fluxmq::from_json<Settings>(object, fluxmq::Missing::keep_default);
        settings.check();
        return settings;
    }

    const Ports ports_;
    Settings set_;
    fluxlib::Output* const out_;
    std::int64_t Settings::* interval_ = nullptr;
};

} // namespace flux_stock
