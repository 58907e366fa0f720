// SPDX-License-Identifier: MIT
#include "world.hpp"

namespace fluxmq::chaos {

using testing::TcpProxy;
using Kind = Fault::Kind;
using Way = TcpProxy::Way;

World::World(const Schedule& schedule) {
    if (schedule.servers == 1)
        single_.emplace();
    else // clients that knew the members' own addresses would go past the lanes
        cluster_.emplace(testing::NatsClusterOptions{.size = schedule.servers, .advertise = false});
    const auto lanes = single_ ? lanes_of_one_server : schedule.servers;
    for (std::size_t lane = 0; lane < lanes; ++lane)
        lanes_.push_back(std::make_unique<TcpProxy>("127.0.0.1", server(single_ ? 0 : lane).port(),
                                                    static_cast<std::uint32_t>(schedule.seed * 16 + lane)));
}

std::string World::through_lanes(std::size_t number) const {
    if (single_)
        return "nats://" + lanes_.at(number)->address();
    std::string urls;
    for (std::size_t i = 0; i < lanes_.size(); ++i)
        urls += (i == 0 ? "nats://" : ",nats://") + lanes_[(number + i) % lanes_.size()]->address();
    return urls;
}

std::string World::direct(std::size_t first) const {
    if (single_)
        return single_->url();
    std::string urls;
    for (std::size_t i = 0; i < cluster_->size(); ++i)
        urls += (i == 0 ? "" : ",") + (*cluster_)[(first + i) % cluster_->size()].url();
    return urls;
}

void World::begin(const Fault& fault) {
    if (fault.kind == Kind::kill)
        return server(fault.target).kill9();
    if (fault.kind == Kind::freeze)
        return server(fault.target).freeze();
    auto& lane = *lanes_.at(fault.target);
    switch (fault.kind) {
    case Kind::reset: lane.cut(TcpProxy::Ending::reset); break;
    case Kind::fin: lane.cut(TcpProxy::Ending::fin); break;
    case Kind::half_close_to_server: lane.half_close(Way::to_server); break;
    case Kind::half_close_to_client: lane.half_close(Way::to_client); break;
    case Kind::stall_to_server: lane.stall(Way::to_server); break;
    case Kind::stall_to_client: lane.stall(Way::to_client); break;
    case Kind::split_bytes: lane.split(TcpProxy::Split::every_byte); break;
    case Kind::split_random: lane.split(TcpProxy::Split::random); break;
    case Kind::refuse: lane.refuse_connections(); break;
    case Kind::kill:
    case Kind::freeze: break;
    }
}

void World::end(const Fault& fault) {
    switch (fault.kind) {
    case Kind::kill:
        server(fault.target).start();
        if (cluster_)
            cluster_->await_routes();
        break;
    case Kind::freeze: server(fault.target).thaw(); break;
    case Kind::stall_to_server: lanes_.at(fault.target)->resume(Way::to_server); break;
    case Kind::stall_to_client: lanes_.at(fault.target)->resume(Way::to_client); break;
    case Kind::split_bytes:
    case Kind::split_random: lanes_.at(fault.target)->split(TcpProxy::Split::none); break;
    case Kind::refuse: lanes_.at(fault.target)->accept_connections(); break;
    case Kind::reset:
    case Kind::fin:
    case Kind::half_close_to_server:
    case Kind::half_close_to_client: break;
    }
}

void World::kill_all() {
    for (std::size_t i = 0; i < (cluster_ ? cluster_->size() : 1); ++i)
        server(i).kill9();
}

} // namespace fluxmq::chaos
