// SPDX-License-Identifier: MIT
#include <fluxlib/replica.hpp>

#include "service_runtime.hpp"
#include "tagged_executor.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>

namespace fluxlib {

namespace asio = boost::asio;
using fluxmq::errc;
using fluxmq::Error;

namespace {

constexpr fluxmq::Clock::duration longest_config_pause = std::chrono::seconds{30};
constexpr std::chrono::milliseconds shortest_hook_limit{100}; // at the end

std::string id_or_environment(std::string id) {
    if (id.empty())
        if (const char* from_environment = std::getenv("SERVICE_ID"))
            id = from_environment;
    if (id.empty())
        throw Error{errc::invalid_topic, "the service has no id: give one, or set SERVICE_ID"};
    if (const auto why = fluxmq::publish_problem(id); !why.empty())
        throw Error{errc::invalid_topic, "the service id '" + id + "' cannot be part of a topic: " + why};
    return id;
}

// What every SDK takes in a header: some lose a message whose value is not ASCII, or cut spaces off.
ServiceOptions with_replica(ServiceOptions options, const std::string& id) {
    constexpr std::size_t longest = 64;
    auto& replica = options.replica;
    if (replica.empty())
        if (const char* from_environment = std::getenv("SERVICE_REPLICA"))
            replica = from_environment;
    if (replica.empty())
        return options;
    const bool printable =
        std::all_of(replica.begin(), replica.end(), [](char c) { return c >= ' ' && c <= '~'; });
    if (replica.size() > longest || !printable || replica.front() == ' ' || replica.back() == ' ')
        throw Error{errc::invalid_config,
                    "service '" + id + "': the replica must be 1 to " + std::to_string(longest) +
                        " printable ASCII characters without a space at the beginning or end"};
    return options;
}

fluxmq::Headers announcement_headers_of(const ServiceOptions& options) {
    fluxmq::Headers headers;
    if (!options.replica.empty())
        headers.add(std::string{replica_header}, options.replica);
    return headers;
}

std::shared_ptr<spdlog::logger> child_logger(const spdlog::logger& parent, std::string name) {
    auto logger =
        std::make_shared<spdlog::logger>(std::move(name), parent.sinks().begin(), parent.sinks().end());
    logger->set_level(parent.level());
    return logger;
}

std::size_t further_count(const ServiceOptions& options) {
    return static_cast<std::size_t>(options.threads) - 1;
}

} // namespace

// Outlives the service as long as a signal's handler is queued.
struct ServiceRuntime::Signals : std::enable_shared_from_this<Signals> {
    explicit Signals(const asio::any_io_executor& executor) : set{executor, SIGINT, SIGTERM} {}

    void watch(ServiceRuntime& owner) {
        set.async_wait([this, self = weak_from_this(), &owner](boost::system::error_code failed, int signal) {
            const auto alive = self.lock();
            if (failed || !alive)
                return;
            owner.signal_arrived(signal);
            watch(owner);
        });
    }

    asio::signal_set set;
};

ServiceRuntime::ServiceRuntime(Service& s, std::string i, ServiceOptions o)
    : service{s}, id{id_or_environment(std::move(i))}, options{with_replica(std::move(o), id)},
      announcement_headers{announcement_headers_of(options)},
      logger{options.logger ? options.logger : child_logger(*spdlog::default_logger(), id)},
      state{options.state ? *options.state : StateSlice{}},
      further_{options.threads > 1 ? std::make_shared<FurtherLoops>(further_count(options)) : nullptr},
      mailbox_{fluxmq::Mailbox::create()} {
    if (options.threads < 1)
        throw Error{errc::invalid_config, "service '" + id + "': ServiceOptions::threads is " +
                                              std::to_string(options.threads) + ", and must be at least 1"};
    if (options.discovery)
        discovery_.emplace(*this);
}

// Loops that still wait are told to end, and touch nothing of the service any more.
ServiceRuntime::~ServiceRuntime() {
    if (further_)
        further_->end();
    if (transport)
        transport->on_event({});
    mailbox_->discard();
    for (const auto& entry : entries_)
        entry->queue->discard();
    if (further_) { // coroutines go before what they may refer to
        for (const auto& record : nodes_)
            record->node->runtime_->abandon();
        further_->drop();
    }
    by_id_.clear();
    nodes_.clear();
}

std::shared_ptr<spdlog::logger> ServiceRuntime::logger_for(std::string_view node_id) const {
    return child_logger(*logger, id + "/" + std::string{node_id});
}

// --- The beginning -------------------------------------------------------------------------------------------

Task<> ServiceRuntime::run() {
    if (!transport)
        throw Error{errc::not_attached,
                    "the service '" + id + "' has no transport: call attach() before run()"};
    if (running_)
        throw Error{errc::illegal_transition, "the service '" + id + "' runs already"};
    executor_ = without_tag(co_await asio::this_coro::executor);
    if (further_)
        FurtherLoops::begin(further_, executor_);
    transport->on_event([this](const fluxmq::ConnectionEvent& event) { connection_changed(event); });
    if (!transport->connected())
        co_await transport->connect();
    running_ = true;
    std::exception_ptr failure;
    try {
        co_await begin();
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure) {
        announce(status->error());
        running_ = false;
        subscriptions_.clear();
        inlets_.clear();
        if (discovery_)
            discovery_->close();
        std::rethrow_exception(failure);
    }
}

Task<> ServiceRuntime::begin() {
    run_at_ = last_tick_ = clock().now();
    send_status(status->starting());
    co_await subscribe_commands();
    if (discovery_)
        co_await discovery_->open();
    send_status(status->connected());
    announce_development();
    co_await guarded("on_connected", {}, service.on_connected());
    if (!asks_manager()) {
        initialised_ = true;
        co_await guarded("on_init", {}, service.on_init({}));
    }
    co_await init_nodes();
    if (!asks_manager() || !node_ids().empty()) // otherwise the first config makes it ready
        co_await announce_ready();
    if (options.auto_start)
        co_await command_all(NodeCommand::start);
    // What the manager has sent meanwhile waits until now, so that no hook runs beside those above.
    loop_runs_ = true;
    auto ended = [done = loop_done_, watch = watch_](std::exception_ptr) { done->notify(); };
    asio::co_spawn(executor_, loop(), asio::bind_cancellation_slot(watch_->slot(), std::move(ended)));
    arm_tick();
    if (asks_manager())
        ask_for_config();
}

bool ServiceRuntime::asks_manager() const noexcept {
    const std::lock_guard lock{mutex_};
    return options.request_config.value_or(!factories_.empty());
}

Task<> ServiceRuntime::init_nodes() {
    std::vector<std::string> ids;
    for (const auto* node : all_nodes())
        if (node->lifecycle == NodeState::fresh)
            ids.push_back(node->id);
    for (const auto& node_id : ids)
        if (auto* node = look_up(node_id))
            co_await quietly(node->command(NodeCommand::init));
}

Task<> ServiceRuntime::announce_ready() {
    if (ending_)
        co_return;
    send_status(status->ready());
    co_await guarded("on_ready", {}, service.on_ready());
    if (running_nodes_ > 0 && status->active() != status->ready()) // the Go SDK has one string for both
        send_status(status->active());
}

void ServiceRuntime::ask_for_config() {
    if (configured_ || ending_)
        return;
    try {
        transport->publish(topic->configuration_request(id), id);
    } catch (const Error& error) {
        logger->warn("the config was not asked for: {}", error.what());
    }
    config_pause_ = config_pause_ == fluxmq::Clock::duration{}
                        ? options.config_retry
                        : std::min(2 * config_pause_, longest_config_pause);
    config_timer_ = clock().call_at(clock().now() + config_pause_, executor_, [this] { ask_for_config(); });
}

void ServiceRuntime::connection_changed(const fluxmq::ConnectionEvent& event) {
    using enum fluxmq::ConnectionState;
    const bool trouble = event.state == error || event.state == insecure || event.state == slow_consumer;
    logger->log(trouble ? spdlog::level::warn : spdlog::level::info, "{}: {}", to_string(event.state),
                event.detail);
    if (event.state == fluxmq::ConnectionState::closed && running_ && !ending_) {
        logger->error("the transport has closed: the service ends");
        shutdown();
    }
    if (event.state != fluxmq::ConnectionState::reconnected || !running_ || ending_)
        return;
    send_status(current_status()); // whoever watches may have missed it
    announce_development();
    for (auto* node : all_nodes())
        node->repeat_status();
    mailbox_->post([this] { return guarded("on_connected", {}, service.on_connected()); });
    if (asks_manager() && !configured_) {
        config_pause_ = {};
        ask_for_config();
    }
}

// --- The command loop ----------------------------------------------------------------------------------------

Task<> ServiceRuntime::loop() {
    const auto mailbox = mailbox_; // outlives a service that is destroyed while this waits
    const auto watch = watch_;
    co_await asio::this_coro::throw_if_cancelled(false); // it cancels a hook, and not what comes after that
    while (co_await mailbox->wait()) {
        watch->begin();
        if (auto control = mailbox->pop_control()) {
            co_await (*control)();
        } else if (auto delivery = mailbox->pop_message()) {
            const auto& command = *static_cast<const Command*>(delivery->user);
            std::string name{delivery->message.topic()};
            auto call = (this->*command.hook)(std::move(delivery->message));
            if (command.hook == &ServiceRuntime::on_error)
                co_await logged(command.name, std::move(call));
            else
                co_await guarded(command.name, std::move(name), std::move(call));
        }
        watch->rest();
    }
}

// `meter`: where the failure is counted.
Task<> ServiceRuntime::guarded(const char* hook, std::string where, Task<> call, NodeMeter* meter) {
    std::string failure;
    try {
        co_await std::move(call);
    } catch (const std::exception& error) {
        failure = error.what();
    } catch (...) {
        failure = "something that is not a std::exception was thrown";
    }
    if (failure.empty())
        co_return;
    if (const auto why = watch_->take_why())
        failure = "it was cancelled, for " + *why;
    auto text = "service '" + id + "', " + hook + ": " + failure;
    if (!where.empty())
        text += " (topic '" + where + "')";
    if (meter)
        meter->failed({}, text);
    logger->error("{}", text);
    publish_error(text);
}

// For what handles errors: to publish its own would call it again.
Task<> ServiceRuntime::logged(const char* hook, Task<> call) {
    try {
        co_await std::move(call);
    } catch (const std::exception& error) {
        logger->error("service '{}', {}: {}", id, hook, error.what());
    } catch (...) {
        logger->error("service '{}', {}: something that is not a std::exception was thrown", id, hook);
    }
}

// For commands to nodes, which report their failures themselves.
Task<> ServiceRuntime::quietly(Task<> call) {
    try {
        co_await std::move(call);
    } catch (const Error& error) {
        logger->debug("{}", error.what());
    }
}

Task<> ServiceRuntime::tick() {
    const auto now = clock().now();
    const Tick tick{.time = now, .delta = now - std::exchange(last_tick_, now), .count = ++ticks_};
    co_await service.on_tick(tick);
}

void ServiceRuntime::arm_tick() {
    if (options.tick_interval.count() <= 0)
        return;
    const auto passed = static_cast<std::uint64_t>((clock().now() - run_at_) / options.tick_interval);
    deadlines_ = std::max(deadlines_, passed) + 1;
    tick_timer_ = clock().call_at(run_at_ + deadlines_ * options.tick_interval, executor_, [this] {
        if (!std::exchange(tick_waits_, true))
            mailbox_->post([this]() -> Task<> {
                tick_waits_ = false;
                co_await guarded("on_tick", {}, tick());
            });
        arm_tick();
    });
}

// --- The end -------------------------------------------------------------------------------------------------

void ServiceRuntime::shutdown() noexcept { end_.notify(); }

void ServiceRuntime::signal_arrived(int signal) {
    if (ending_) {
        logger->warn("signal {} again: what is left is not waited for", signal);
        cut_short_ = true;
        idle_.notify();
        const std::string why = "a second signal came while it ran";
        watch_->cancel(why);
        for (auto* node : all_that_run_hooks())
            node->cancel_hook(why);
        return;
    }
    signal_ = signal;
    end_.notify();
}

Task<ExitReport> ServiceRuntime::wait() {
    // Other threads may look at it where nothing changes.
    if (auto executor = without_tag(co_await asio::this_coro::executor); executor != executor_)
        executor_ = std::move(executor);
    if (options.handle_signals) {
        signals_ = std::make_shared<Signals>(executor_);
        signals_->watch(*this);
    }
    co_await end_.wait();
    ending_ = true;
    idle_.notify(); // a config that waits for a node lets it go
    ExitReport report{.signal = signal_};
    if (running_)
        co_await end(report);
    signals_.reset();
    running_ = false;
    if (further_)
        further_->finish();
    co_return report;
}

Task<> ServiceRuntime::end(ExitReport& report) {
    logger->info("the service ends: {}",
                 signal_ == 0 ? "shutdown() was called" : "signal " + std::to_string(signal_));
    announce(status->stopping());
    limit_hooks();
    config_timer_.cancel();
    tick_timer_.cancel();
    subscriptions_.clear();
    if (discovery_)
        discovery_->close();
    for (const auto& inlet : inlets_)
        inlet->set_gate(fluxmq::Inlet::Gate::closed);
    mailbox_->post([this] { return guarded("on_shutdown", {}, service.on_shutdown(signal_)); });
    mailbox_->close();
    if (loop_runs_)
        co_await loop_done_->wait();
    while (configs_ > 0)
        co_await configs_done_.wait();

    co_await drain(report);
    report.account = account();
    co_await command_all(NodeCommand::stop);
    for (const auto& node_id : node_ids()) // they stay in the list: whoever appended them may look at them
        if (auto* node = look_up(node_id))
            co_await quietly(node->command(NodeCommand::destroy));
    for (const auto& entry : all_entries()) {
        end_subscription(*entry);
        entry->queue->close();
    }
    end_timer_.cancel();
    announce(status->stopped());
    if (transport->connected())
        co_await quietly(transport->flush(std::chrono::seconds{1}));
    transport->on_event({});
    co_await quietly(transport->close());
    const auto drops = report.account.drops_line();
    logger->info("the service has ended; {}{}{}", report.account.line(), drops.empty() ? "" : "; ", drops);
    for (const auto& name : report.unfinished)
        logger->warn("not finished in time: {}", name);
}

// From now on, until the end.
void ServiceRuntime::limit_hooks() {
    const auto limit = std::max(options.drain_timeout, shortest_hook_limit);
    end_timer_ = clock().call_at(clock().now() + limit / 2, executor_, [this, limit] {
        watch_->look(limit, clock().now());
        for (auto* node : all_that_run_hooks())
            node->look_at_hook(limit);
        limit_hooks();
    });
}

std::vector<NodeRuntime*> ServiceRuntime::all_that_run_hooks() const {
    auto all = all_nodes();
    all.insert(all.end(), unseen_.begin(), unseen_.end());
    return all;
}

// A status of the end: the connection may be gone already.
void ServiceRuntime::announce(std::string last) noexcept {
    try {
        send_status(std::move(last));
    } catch (const std::exception& error) {
        logger->warn("the status was not published: {}", error.what());
    }
}

// Sources fall silent first, so that what is on its way between nodes arrives; then nothing more is let in.
Task<> ServiceRuntime::drain(ExitReport& report) {
    const auto begin = clock().now();
    for (auto* node : all_nodes())
        node->silence();
    co_await settle(begin + options.drain_timeout / 2);
    for (auto* node : all_nodes())
        node->stop_intake();
    for (const auto& entry : all_entries())
        end_subscription(*entry);
    report.drained = co_await settle(begin + options.drain_timeout);
    for (const auto* node : all_nodes())
        if (!node->idle())
            report.unfinished.push_back("node '" + node->id + "'");
    for (const auto& entry : all_entries())
        if (entry->handled && !entry->idle())
            report.unfinished.push_back("the handler of '" + entry->topic + "'");
}

bool ServiceRuntime::quiet() const {
    const auto nodes = all_nodes();
    const auto entries = all_entries();
    return std::all_of(nodes.begin(), nodes.end(), [](const auto* node) { return node->idle(); }) &&
           std::all_of(entries.begin(), entries.end(),
                       [](const auto& entry) { return !entry->handled || entry->idle(); });
}

// What the transport has moved so far: when it stands still while all are idle, nothing is on its way.
std::uint64_t ServiceRuntime::progress() const {
    const auto counters = transport->counters();
    return counters.published + counters.received;
}

Task<bool> ServiceRuntime::settle(fluxmq::Clock::time_point deadline) {
    settling_ = true;
    const auto timer = clock().call_at(deadline, executor_, [this] { idle_.notify(); });
    for (;;) {
        while (!quiet()) {
            if (cut_short_ || clock().now() >= deadline)
                co_return false;
            co_await idle_.wait();
        }
        const auto before = progress();
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock().now());
        if (cut_short_ || left.count() <= 0)
            co_return quiet();
        try {
            co_await transport->flush(left);
        } catch (const Error& error) {
            logger->warn("what was published last may not have left: {}", error.what());
            co_return quiet();
        }
        if (quiet() && progress() == before)
            co_return true;
    }
}

void ServiceRuntime::became_idle() noexcept {
    if (settling_)
        idle_.notify();
}

} // namespace fluxlib
