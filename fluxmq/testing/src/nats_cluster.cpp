// SPDX-License-Identifier: MIT
#include <fluxmq/testing/nats_cluster.hpp>

#include "sockets.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <chrono>
#include <set>
#include <stdexcept>
#include <thread>

namespace fluxmq::testing {

namespace {

constexpr auto routes_timeout = std::chrono::seconds{20};

// The body of what a server's monitoring says; empty when it says nothing.
std::string ask(std::uint16_t port, const std::string& path) {
    const auto socket = tcp_socket();
    const timeval patience{2, 0};
    ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const auto request = "GET " + path + " HTTP/1.0\r\n\r\n";
    if (!connect_to(socket, port) || ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
                                         static_cast<ssize_t>(request.size()))
        return {};
    std::string answer;
    char part[4096];
    for (;;) {
        const auto count = ::recv(socket.get(), part, sizeof part, 0);
        if (count < 0)
            return {};
        if (count == 0)
            break;
        answer.append(part, static_cast<std::size_t>(count));
    }
    const auto head = answer.find("\r\n\r\n");
    return head == std::string::npos ? std::string{} : answer.substr(head + 4);
}

struct Routes {
    std::string id;              // of the server itself
    std::set<std::string> peers; // ids of those it is routed to
};

Routes routes_of(std::uint16_t monitoring_port) {
    Routes routes;
    boost::system::error_code failed;
    const auto answer = boost::json::parse(ask(monitoring_port, "/routez"), failed);
    if (failed)
        return routes;
    routes.id = answer.at("server_id").as_string();
    for (const auto& route : answer.at("routes").as_array())
        routes.peers.emplace(route.at("remote_id").as_string());
    return routes;
}

} // namespace

NatsCluster::NatsCluster(NatsClusterOptions options) {
    // A port may be taken between its choice and its use.
    constexpr int attempts = 3;
    for (int i = 1; members_.empty(); ++i) {
        try {
            start(options);
        } catch (const std::runtime_error&) {
            members_.clear();
            if (i == attempts)
                throw;
        }
    }
    await_routes();
}

void NatsCluster::start(const NatsClusterOptions& options) {
    std::string routes;
    std::vector<std::uint16_t> ports;
    for (std::size_t i = 0; i < options.size; ++i) {
        ports.push_back(NatsServer::free_port());
        routes += (routes.empty() ? "" : ",") + ("nats://127.0.0.1:" + std::to_string(ports.back()));
    }
    for (const auto port : ports) {
        const auto monitoring_port = NatsServer::free_port();
        auto arguments = options.arguments;
        arguments.insert(arguments.end(),
                         {"--http_port", std::to_string(monitoring_port), "--cluster_name", "test",
                          "--cluster", "nats://127.0.0.1:" + std::to_string(port), "--routes", routes});
        if (!options.advertise)
            arguments.emplace_back("--no_advertise");
        NatsServerOptions member{.arguments = std::move(arguments), .config = options.config};
        members_.push_back({std::make_unique<NatsServer>(std::move(member)), monitoring_port});
    }
}

std::string NatsCluster::url() const {
    std::string urls;
    for (const auto& member : members_)
        urls += (urls.empty() ? "" : ",") + member.server->url();
    return urls;
}

void NatsCluster::await_routes() const {
    const auto deadline = std::chrono::steady_clock::now() + routes_timeout;
    for (auto missing = missing_routes(); !missing.empty(); missing = missing_routes()) {
        if (std::chrono::steady_clock::now() > deadline)
            throw std::runtime_error{"the cluster is not complete: " + missing};
        std::this_thread::sleep_for(poll_interval);
    }
}

// For people; empty when none is missing.
std::string NatsCluster::missing_routes() const {
    std::vector<std::pair<std::string, Routes>> running;
    for (const auto& member : members_)
        if (member.server->running())
            running.emplace_back(member.server->address(), routes_of(member.monitoring_port));
    for (const auto& [address, routes] : running)
        for (const auto& [peer, its] : running)
            if (routes.id.empty() || (peer != address && !routes.peers.contains(its.id)))
                return std::string{"no route from "}.append(address).append(" to ").append(peer);
    return {};
}

} // namespace fluxmq::testing
