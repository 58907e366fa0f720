// SPDX-License-Identifier: MIT
#pragma once

#include <fluxlib/plugin.hpp>
#include <fluxlib/service.hpp>
#include <fluxmq/error.hpp>
#include <fluxmq/inproc.hpp>
#include <fluxmq/mailbox.hpp>

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <memory>
#include <stdexcept>
#include <string>

namespace flux_stock::test {

/// A service on a bus of its own, with stock nodes.
class Stock {
public:
    explicit Stock(fluxlib::ServiceOptions options = {})
        : service{"stock", with_defaults(std::move(options))} {
        service.attach(std::make_shared<fluxmq::InProc>(bus));
    }

    static std::unique_ptr<fluxlib::Node> make(fluxlib::Service& service, const fluxlib::DataNode& data) {
        for (const auto& type : fluxlib::registered_node_types())
            if (type.name == data.type)
                return type.make(service, data);
        throw std::invalid_argument{"there is no type " + data.type};
    }

    /// A node whose id is its type. `in` and `out` are topics; empty: not wired.
    fluxlib::Node& add(const std::string& type, boost::json::object settings, const std::string& in,
                       const std::string& out) {
        fluxlib::DataNode data{.id = type, .type = type};
        data.settings = std::move(settings);
        if (!in.empty())
            data.inputs.push_back({.alias = "in", .topics = {in}});
        if (!out.empty())
            data.outputs.push_back({.alias = "out", .topics = {out}});
        service.append_node(make(service, data));
        return service.node(type);
    }

    fluxlib::Task<> end() {
        service.shutdown();
        co_await service.wait();
    }

    std::shared_ptr<fluxmq::InProcBus> bus = std::make_shared<fluxmq::InProcBus>();
    fluxlib::Service service;

private:
    static fluxlib::ServiceOptions with_defaults(fluxlib::ServiceOptions options) {
        options.handle_signals = false;
        return options;
    }
};

/// A connection of its own that reads one topic, and publishes.
class Peer {
public:
    fluxlib::Task<> open(std::shared_ptr<fluxmq::InProcBus> bus, std::string topic) {
        transport = std::make_shared<fluxmq::InProc>(std::move(bus));
        co_await transport->connect();
        fluxmq::MailboxLimits limits;
        auto inlet = mailbox_->add_inlet(limits);
        subscription_ = co_await transport->subscribe(std::move(topic), std::move(inlet));
    }
    fluxlib::Task<std::string> next() {
        co_await mailbox_->wait();
        co_return std::string{mailbox_->pop_message()->message.text()};
    }

    std::shared_ptr<fluxmq::InProc> transport;

private:
    std::shared_ptr<fluxmq::Mailbox> mailbox_ = fluxmq::Mailbox::create();
    fluxmq::Subscription subscription_;
};

/// What the making of such a node throws.
inline std::string refusal(const std::string& type, const std::string& settings) {
    Stock stock;
    try {
        stock.add(type, boost::json::parse(settings).as_object(), {}, {});
    } catch (const fluxmq::Error& error) {
        return error.what();
    }
    return "nothing was thrown";
}

} // namespace flux_stock::test
