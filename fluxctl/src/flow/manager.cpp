// SPDX-License-Identifier: MIT
#include "flow/manager.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>

namespace fluxctl::flow {

static constexpr auto all_nodes = "*";

Manager::Manager(Flow flow) : flow_{std::move(flow)} { find_sources(); }

void Manager::find_sources() {
    sources_.clear();
    for (const auto& service : flow_.services) {
        const auto& id = service.id;
        sources_.emplace(topic_.status(id), Source{Kind::status, id, ""});
        sources_.emplace(topic_.configuration_request(id), Source{Kind::config_request, id, ""});
        sources_.emplace(topic_.error(id), Source{Kind::error, id, ""});
        for (const auto& node : service.nodes)
            sources_.emplace(topic_.node_status(node.id), Source{Kind::node_status, id, node.id});
    }
}

std::vector<std::string> Manager::topics() const {
    std::vector<std::string> topics;
    for (const auto& [topic, source] : sources_)
        topics.push_back(topic);
    return topics;
}

const Service* Manager::find(std::string_view id) const {
    const auto found = std::find_if(flow_.services.begin(), flow_.services.end(),
                                    [&](const Service& service) { return service.id == id; });
    return found == flow_.services.end() ? nullptr : &*found;
}

Manager::Outgoing Manager::config_of(const std::string& id) const {
    return {topic_.configuration(id), boost::json::serialize(fluxlib::to_json(find(id)->nodes))};
}

Manager::Outgoing Manager::configure(const std::string& id) {
    lives_[id].to_start = {all_nodes};
    return config_of(id);
}

std::vector<Manager::Outgoing> Manager::begin() {
    std::vector<Outgoing> send;
    for (const auto& service : flow_.services)
        send.push_back(configure(service.id));
    return send;
}

Manager::Reaction Manager::handle(std::string_view topic, std::string_view text) {
    const auto found = sources_.find(topic);
    if (found == sources_.end())
        return {};
    const auto& [kind, service, node] = found->second;
    lives_[service].heard_of = true;
    switch (kind) {
    case Kind::status:
        return {Event{.service = service, .status = std::string{text}}, on_status(service, text)};
    case Kind::node_status:
        if (text == node_status_.started() || text == node_status_.error())
            lives_[service].to_start.erase(node); // the service has started it by itself
        return {Event{.service = service, .node = node, .status = std::string{text}}, {}};
    case Kind::error: return on_error(service, text);
    case Kind::config_request: break;
    }
    Reaction reaction;
    if (!stopping_)
        reaction.send.push_back(configure(service));
    return reaction;
}

// Services of this SDK name the hook that has thrown; others do not say what an error is about.
// `id` is not one of sources_, which change.
Manager::Reaction Manager::on_error(std::string id, std::string_view text) {
    Reaction reaction{Event{.service = id, .error = std::string{text}}, {}};
    if (stopping_ || !pending_ || !pending_->awaited.contains(id) ||
        text.find("on_config") == std::string_view::npos)
        return reaction;
    auto before = std::move(pending_->before);
    auto back = change(std::move(before));
    pending_.reset();
    lives_[id].to_start.clear(); // it has not changed
    std::erase_if(back.send, [&](const Outgoing& each) { return each.topic == topic_.configuration(id); });
    reaction.send = std::move(back.send);
    reaction.took_back = true;
    return reaction;
}

std::vector<Manager::Outgoing> Manager::on_status(const std::string& id, std::string_view status) {
    auto& life = lives_[id];
    if (status == status_.active())
        life.runs = true;
    // READY says nothing about its nodes: a running service announces it after a new config, too.
    else if (status != status_.ready())
        life.runs = false;
    life.gone = false;
    const bool comes = status == status_.starting() || status == status_.connected();
    const bool goes = status == status_.stopping() || status == status_.stopped();
    if (comes || goes)
        life.answers = life.configured = false; // pings are answered in between
    if (status == status_.ready()) {
        life.configured = true;
        if (pending_)
            pending_->awaited.erase(id);
    }
    if (stopping_)
        return awaited_ == id && !life.runs && status != status_.ready() ? stop_next()
                                                                         : std::vector<Outgoing>{};
    if (status == status_.connected())
        return {configure(id)};
    return status == status_.ready() ? start(id) : std::vector<Outgoing>{};
}

// Only once for a config: some services announce READY when they have been started.
std::vector<Manager::Outgoing> Manager::start(const std::string& id) {
    auto& life = lives_[id];
    const auto to_start = std::exchange(life.to_start, {});
    if (to_start.empty())
        return {};
    const auto& nodes = find(id)->nodes;
    life.runs = !nodes.empty();
    if (to_start.contains(all_nodes))
        return {{topic_.start(id), all_nodes}};
    // One by one: not every SDK understands a list.
    std::vector<Outgoing> send;
    for (const auto& node : nodes)
        if (to_start.contains(node.id))
            send.push_back({topic_.start(id), node.id});
    return send;
}

std::vector<std::string> Manager::silent() const {
    std::vector<std::string> silent;
    for (const auto& service : flow_.services)
        if (const auto life = lives_.find(service.id); life == lives_.end() || !life->second.heard_of)
            silent.push_back(service.id);
    return silent;
}

Manager::Change Manager::change(Flow flow) {
    const auto before = std::exchange(flow_, std::move(flow));
    find_sources();
    pending_ = Pending{before, {}};
    Change change;
    for (const auto& service : before.services) {
        if (find(service.id))
            continue;
        lives_.erase(service.id);
        change.services.push_back(service.id);
        change.send.push_back({topic_.stop(service.id), "*"});
        change.send.push_back({topic_.configuration(service.id), "[]"});
    }
    for (const auto& service : flow_.services) {
        const auto old = std::find_if(before.services.begin(), before.services.end(),
                                      [&](const Service& other) { return other.id == service.id; });
        if (old != before.services.end() && old->nodes == service.nodes)
            continue;
        change.services.push_back(service.id);
        if (old == before.services.end()) {
            change.send.push_back(configure(service.id));
            continue;
        }
        // A node that has ended by itself, say, is not to begin again because of another one.
        auto& to_start = lives_[service.id].to_start;
        for (const auto& node : fluxlib::diff_config(old->nodes, service.nodes).create)
            to_start.insert(node.id);
        if (lives_[service.id].configured)
            pending_->awaited.insert(service.id);
        change.send.push_back(config_of(service.id));
    }
    return change;
}

// While the connection was lost, a service may have come up, and one that was configured may have been started again:
// its status tells. Whether it is there at all is not known any more.
std::vector<Manager::Outgoing> Manager::reconnected() {
    std::vector<Outgoing> send;
    for (const auto& service : flow_.services) {
        auto& life = lives_[service.id];
        life.heard_of = life.answers = life.gone = life.configured = false;
        send.push_back(life.to_start.empty() ? Outgoing{topic_.status_request(service.id), ""}
                                             : config_of(service.id));
    }
    return send;
}

Manager::Change Manager::pinged() {
    Change gone;
    for (const auto& service : flow_.services) {
        auto& life = lives_[service.id];
        if (!life.answers)
            continue;
        ++life.unanswered;
        if (life.unanswered <= patience)
            continue;
        life.answers = life.configured = life.runs = false;
        life.gone = true;
        gone.services.push_back(service.id);
    }
    if (awaited_ && !lives_[*awaited_].runs)
        gone.send = stop_next();
    return gone;
}

std::vector<Manager::Outgoing> Manager::answered(const std::string& id) {
    const auto found = lives_.find(id);
    if (found == lives_.end())
        return {}; // not of this flow
    auto& life = found->second;
    life.heard_of = life.answers = true;
    life.unanswered = 0;
    if (!std::exchange(life.gone, false))
        return {};
    return {{topic_.status_request(id), ""}};
}

std::vector<Manager::Outgoing> Manager::stop() {
    stopping_ = true;
    for (const auto& service : flow_.services)
        to_stop_.push_back(service.id);
    return stop_next();
}

std::vector<Manager::Outgoing> Manager::stop_next() {
    std::vector<Outgoing> send;
    awaited_.reset();
    while (!to_stop_.empty() && !awaited_) {
        const auto id = std::move(to_stop_.back());
        to_stop_.pop_back();
        send.push_back({topic_.stop(id), "*"});
        if (lives_[id].runs)
            awaited_ = id;
    }
    return send;
}

std::vector<Manager::Outgoing> Manager::stop_at_once() {
    lives_.clear();
    return stop_next();
}

} // namespace fluxctl::flow
