// SPDX-License-Identifier: MIT
#include "up/manager.hpp"

#include <fluxlib/replica.hpp>

#include "services.hpp"

#include <algorithm>

namespace fluxctl::up {

namespace {

Heard heard_in(const fluxmq::Message& message) {
    return {.text = message.text(),
            .replica = message.headers().get(fluxlib::replica_header).value_or(std::string_view{}),
            .from_go = is_from_go(message)};
}

bool names(const flow::Flow& flow, const std::string& service) {
    return std::any_of(flow.services.begin(), flow.services.end(),
                       [&](const flow::Service& each) { return each.id == service; });
}

} // namespace

Manager::Manager(flow::Flow flow, std::string inbox) : inbox_{std::move(inbox)}, flow_{std::move(flow)} {
    for (const auto& service : flow_.services)
        add(service);
    find_sources();
}

std::list<ManagedService>::iterator Manager::add(flow::Service service) {
    auto answers = inbox_ + '.' + service.id;
    return services_.emplace(services_.end(), std::move(service), std::move(answers));
}

void Manager::find_sources() {
    sources_.clear();
    // A node may have moved from a service that ends: what it says is said of where it is now.
    std::vector<ManagedService*> all;
    for (const bool of_flow : {true, false})
        for (auto& service : services_)
            if (names(flow_, service.id()) == of_flow)
                all.push_back(&service);
    for (auto* service : all) {
        const auto& id = service->id();
        sources_.emplace(topic_.status(id), Source{Kind::status, service, ""});
        sources_.emplace(topic_.configuration_request(id), Source{Kind::config_request, service, ""});
        sources_.emplace(topic_.error(id), Source{Kind::error, service, ""});
        sources_.emplace(service->answers(), Source{Kind::answer, service, ""});
        for (const auto& node : service->spec().nodes)
            sources_.emplace(topic_.node_status(node.id), Source{Kind::node_status, service, node.id});
    }
}

std::vector<std::string> Manager::topics() const {
    std::vector<std::string> topics;
    for (const auto& [topic, source] : sources_)
        topics.push_back(topic);
    return topics;
}

const flow::Service* Manager::find(std::string_view service) const {
    const auto found = std::find_if(services_.begin(), services_.end(),
                                    [&](const ManagedService& each) { return each.id() == service; });
    return found == services_.end() ? nullptr : &found->spec();
}

ManagedService* Manager::managed(std::string_view id) {
    const auto found = std::find_if(services_.begin(), services_.end(),
                                    [&](const ManagedService& each) { return each.id() == id; });
    return found == services_.end() ? nullptr : &*found;
}

Actions Manager::begin(TimePoint now) {
    Actions actions;
    for (auto& service : services_)
        service.begin(now, actions);
    name_silent_at_ = now + silence_patience;
    return actions;
}

// --- What is heard -------------------------------------------------------------------------------------------

Actions Manager::handle(const fluxmq::Message& message, TimePoint now) {
    Actions actions;
    const auto found = sources_.find(message.topic());
    if (found == sources_.end())
        return actions;
    auto& [kind, service, node] = found->second;
    const auto heard = heard_in(message);
    const auto event = [&](Event what) {
        what.service = service->id();
        what.replica = heard.replica;
        actions.events.push_back(std::move(what));
    };
    switch (kind) {
    case Kind::status:
        event({.service = "", .status = std::string{heard.text}});
        service->on_status(heard, now, actions);
        if (pending_ && ManagedService::is_ready(heard.text))
            pending_->awaited.erase(service->id());
        break;
    case Kind::node_status:
        event({.service = "", .node = node, .status = std::string{heard.text}});
        service->on_node_status(node, heard, now, actions);
        break;
    case Kind::error:
        event({.service = "", .error = std::string{heard.text}});
        on_error(*service, heard.text, now, actions);
        break;
    case Kind::config_request: service->on_config_request(heard, now, actions); break;
    case Kind::answer: service->on_answer(heard, now, actions); break;
    }
    after(now, actions);
    return actions;
}

// Services of this SDK name the hook that has thrown; others do not say what an error is about.
void Manager::on_error(ManagedService& service, std::string_view text, TimePoint now, Actions& actions) {
    if (stopping_ || !pending_ || !pending_->awaited.contains(service.id()) ||
        text.find("on_config") == std::string_view::npos)
        return;
    auto before = std::move(pending_->before);
    pending_.reset();
    for (const auto& each : before.services)
        if (each.id == service.id())
            service.take_back(each); // it has not changed
    const auto id = service.id();
    auto back = change(std::move(before), now);
    pending_.reset();
    back.notices.pop_back(); // `changed`
    const auto append = [](auto& all, const auto& more) { all.insert(all.end(), more.begin(), more.end()); };
    append(actions.send, back.send);
    append(actions.orders, back.orders);
    append(actions.notices, back.notices);
    actions.notice("unchanged", id);
    actions.new_topics = true;
}

Actions Manager::answered(const Pong& pong, TimePoint now) {
    Actions actions;
    if (auto* service = managed(pong.service))
        service->on_pong(pong.instance, pong.replica, now, actions);
    return actions;
}

Actions Manager::pinged(TimePoint now) {
    Actions actions;
    for (auto& service : services_)
        service.pinged(actions);
    after(now, actions);
    return actions;
}

Actions Manager::process_ended(const std::string& service, int replica, const Ending& ending, TimePoint now) {
    Actions actions;
    if (auto* concerned = managed(service))
        concerned->on_process_end(replica, ending, now, actions);
    after(now, actions);
    return actions;
}

// --- Changes -------------------------------------------------------------------------------------------------

Actions Manager::change(flow::Flow flow, TimePoint now) {
    Actions actions;
    Notice changed{"changed"};
    pending_ = Pending{std::exchange(flow_, std::move(flow)), {}};
    for (auto& service : services_) {
        if (names(flow_, service.id()) || !names(pending_->before, service.id()))
            continue;
        changed.services.push_back(service.id());
        service.leave(now, actions);
    }
    for (const auto& wanted : flow_.services) {
        auto* service = managed(wanted.id);
        if (!service) {
            changed.services.push_back(wanted.id);
            add(wanted)->begin(now, actions);
            name_silent_at_ = now + silence_patience;
            continue;
        }
        const bool can_refuse = service->can_refuse();
        const bool comes_back = !names(pending_->before, wanted.id);
        if (comes_back)
            service->stay();
        if (!service->change(wanted, now, actions) && !comes_back)
            continue;
        changed.services.push_back(wanted.id);
        if (can_refuse)
            pending_->awaited.insert(wanted.id);
    }
    actions.notices.push_back(std::move(changed));
    after(now, actions);
    find_sources();
    actions.new_topics = true;
    return actions;
}

// Those that have left the flow go when they have ended; during the end, the next one is told.
void Manager::after(TimePoint now, Actions& actions) {
    if (stopping_) {
        if (awaited_ && awaited_->ended())
            stop_next(now, actions);
        return;
    }
    const auto count = services_.size();
    std::erase_if(services_, [&](const ManagedService& service) {
        return service.ended() && !names(flow_, service.id());
    });
    if (services_.size() != count) {
        find_sources();
        actions.new_topics = true;
    }
}

// --- Connection ----------------------------------------------------------------------------------------------

void Manager::lost(TimePoint now) noexcept {
    lost_at_ = now;
    name_silent_at_.reset();
}

Actions Manager::reconnected(TimePoint now) {
    Actions actions;
    for (auto& service : services_)
        service.reconnected(lost_at_, now, actions);
    name_silent_at_ = now + return_patience;
    return actions;
}

// --- The end -------------------------------------------------------------------------------------------------

Actions Manager::stop(TimePoint now) {
    Actions actions;
    stopping_ = true;
    name_silent_at_.reset();
    stop_by_ = now + stop_patience;
    for (auto& service : services_)
        to_stop_.push_back(&service);
    stop_next(now, actions);
    return actions;
}

void Manager::stop_next(TimePoint now, Actions& actions) {
    awaited_ = nullptr;
    while (!to_stop_.empty() && !awaited_) {
        auto* const service = to_stop_.back();
        to_stop_.pop_back();
        service->end(now, actions);
        if (!service->ended())
            awaited_ = service;
    }
}

Actions Manager::stop_at_once() {
    Actions actions;
    stop_by_.reset();
    to_stop_.clear();
    awaited_ = nullptr;
    for (auto service = services_.rbegin(); service != services_.rend(); ++service)
        service->end_at_once(actions);
    return actions;
}

bool Manager::stopped() const {
    return stopping_ && to_stop_.empty() &&
           std::all_of(services_.begin(), services_.end(),
                       [](const ManagedService& service) { return service.ended(); });
}

// --- Time ----------------------------------------------------------------------------------------------------

Actions Manager::due(TimePoint now) {
    Actions actions;
    if (name_silent_at_ && *name_silent_at_ <= now) {
        name_silent_at_.reset();
        Notice silent{"waits for"};
        for (const auto& service : services_)
            if (service.silent())
                silent.services.push_back(service.id());
        if (!silent.services.empty())
            actions.notices.push_back(std::move(silent));
    }
    if (stop_by_ && *stop_by_ <= now)
        actions = stop_at_once();
    for (auto& service : services_)
        service.due(now, actions);
    after(now, actions);
    return actions;
}

Manager::TimePoint Manager::next_due() const {
    auto next = std::min(name_silent_at_.value_or(TimePoint::max()), stop_by_.value_or(TimePoint::max()));
    for (const auto& service : services_)
        next = std::min(next, service.next_due());
    return next;
}

boost::json::array Manager::describe() const {
    boost::json::array all;
    for (const auto& service : services_)
        all.push_back(service.describe());
    return all;
}

} // namespace fluxctl::up
