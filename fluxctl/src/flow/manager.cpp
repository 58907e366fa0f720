// SPDX-License-Identifier: MIT
#include "flow/manager.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>

namespace fluxctl::flow {

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

Manager::Outgoing Manager::configure(const std::string& id) {
    lives_[id].starts_when_ready = true;
    return {topic_.configuration(id), boost::json::serialize(fluxlib::to_json(find(id)->nodes))};
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
    switch (kind) {
    case Kind::status:
        return {Event{.service = service, .status = std::string{text}}, on_status(service, text)};
    case Kind::node_status: return {Event{.service = service, .node = node, .status = std::string{text}}, {}};
    case Kind::error: return {Event{.service = service, .error = std::string{text}}, {}};
    case Kind::config_request: break;
    }
    Reaction reaction;
    if (!stopping_)
        reaction.send.push_back(configure(service));
    return reaction;
}

std::vector<Manager::Outgoing> Manager::on_status(const std::string& id, std::string_view status) {
    auto& life = lives_[id];
    if (status == status_.active())
        life.runs = true;
    // READY says nothing about its nodes: a running service announces it after a new config, too.
    else if (status != status_.ready())
        life.runs = false;
    if (stopping_)
        return awaited_ == id && !life.runs && status != status_.ready() ? stop_next()
                                                                         : std::vector<Outgoing>{};
    if (status == status_.connected())
        return {configure(id)};
    // Only once for a config: some services announce READY when they have been started.
    if (status != status_.ready() || !std::exchange(life.starts_when_ready, false))
        return {};
    life.runs = !find(id)->nodes.empty();
    return {{topic_.start(id), "*"}};
}

Manager::Change Manager::change(Flow flow) {
    const auto before = std::exchange(flow_, std::move(flow));
    find_sources();
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
        change.send.push_back(configure(service.id));
    }
    return change;
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
