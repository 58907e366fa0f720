// SPDX-License-Identifier: MIT
#include "node_runtime.hpp"

#include "service_runtime.hpp"
#include "tagged_executor.hpp"
#include "turn.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <algorithm>

namespace fluxlib {

namespace asio = boost::asio;
using fluxmq::errc;
using fluxmq::Error;
using Gate = fluxmq::Inlet::Gate;

namespace {

// Settings that wait: a manager sends few.
constexpr fluxmq::MailboxLimits settings_limits{
    .messages = 1024, .bytes = std::size_t{16} << 20, .overflow = fluxmq::Overflow::drop_oldest};

} // namespace

NodeRuntime::NodeRuntime(Node& n, Service& s, std::string i, NodeOptions o)
    : node{n}, service{s}, id{std::move(i)}, type{std::move(o.node.type)},
      state{o.state ? *std::move(o.state) : s.state().slice(id)}, settings{std::move(o.node.settings)},
      logger_{std::move(o.logger)}, tick_callback_{std::move(o.on_tick)},
      status_strings_{std::move(o.status)}, auto_listen_{o.auto_listen},
      replace_settings_{o.replace_settings.value_or(s.options().profile.replace_settings)},
      restart_on_settings_{o.restart_on_settings}, own_timer_{o.timer.has_value()},
      input_limits_{o.input_limits}, own_supervision_{o.supervision},
      supervisor_{o.node.supervision.value_or(o.supervision)}, mailbox_{fluxmq::Mailbox::create()} {
    if (const auto why = fluxmq::publish_problem(id); !why.empty())
        throw Error{errc::invalid_topic, "the node id '" + id + "' cannot be part of a topic: " + why};
    set_timer(o.timer ? o.timer : o.node.timer);
    if (const auto* wanted = timer();
        wanted && wanted->type == TimerType::local && wanted->interval.count() <= 0)
        throw Error{errc::invalid_config,
                    "node '" + id + "': a local timer needs an interval of at least 1 ms"};
    inputs.reserve(o.node.inputs.size());
    for (auto& input : o.node.inputs)
        inputs.push_back(std::make_unique<Input>(*this, std::move(input), o.input_limits));
    outputs.reserve(o.node.outputs.size());
    for (auto& output : o.node.outputs)
        outputs.push_back(std::make_unique<Output>(*this, std::move(output)));
}

NodeRuntime::~NodeRuntime() { abandon(); }

void NodeRuntime::abandon() noexcept {
    stop_intake();
    mailbox_->discard();
}

// --- The loop ------------------------------------------------------------------------------------------------

// `executor`: of the service, as far as the node knows.
void NodeRuntime::begin_loop(const asio::any_io_executor& executor) {
    const auto further = service.runtime_->further_loop(place_);
    elsewhere_ = further.has_value();
    executor_ = elsewhere_ ? *further : without_tag(executor);
    loop_runs_ = true;
    hook_runs_ = true;
    // Once the service's loop has heard of the end it may delete the node: nothing touches it here after that. The
    // coroutine refers to the slot until then.
    auto ended = [this, watch = watch_](std::exception_ptr, bool node_lives) {
        if (node_lives)
            service.runtime_->call_on_own_loop(elsewhere_, [this] { loop_ended(); });
    };
    asio::co_spawn(with_tag(executor_, this), loop(),
                   asio::bind_cancellation_slot(watch_->slot(), std::move(ended)));
}

void NodeRuntime::loop_ended() noexcept {
    loop_runs_ = false;
    hook_runs_ = false;
    service.runtime_->became_idle();
    const auto done = std::exchange(last_command_, nullptr);
    const auto finished = std::exchange(finished_, nullptr);
    if (finished)
        finished(); // may delete this
    if (done)
        done->finish();
}

// False when the node is gone.
Task<bool> NodeRuntime::loop() {
    const auto mailbox = mailbox_;
    const auto watch = watch_;
    co_await asio::this_coro::throw_if_cancelled(false); // it cancels a hook, and not what comes after that
    watch_hooks();
    Turn turn{clock()};
    while (lifecycle != NodeState::destroyed) {
        watch->begin();
        if (auto control = mailbox_->pop_control()) {
            meter_.add_message_time(turn.lap());
            co_await (*control)();
            meter_.add_control_time(turn.lap());
        } else if (auto* delivery = mailbox_->pop_message()) {
            if (auto* input = plain_input(*delivery)) {
                // The usual message costs no coroutine but the hook's own.
                std::exception_ptr failure;
                begin_message(*input, delivery->message);
                try {
                    co_await node.on_input(std::move(delivery->message));
                } catch (...) {
                    failure = std::current_exception();
                }
                auto topic = failure ? current_topic() : std::string{};
                end_message();
                if (failure)
                    co_await message_failed("on_input", std::move(topic), failure, input);
            } else {
                co_await handle(*delivery);
            }
            if (turn.over()) {
                meter_.add_message_time(turn.lap());
                co_await asio::post(asio::use_awaitable);
                if (mailbox->closed()) // the node was destroyed meanwhile
                    co_return false;
                turn.begin();
            }
        } else {
            meter_.add_message_time(turn.lap());
            hook_runs_ = false;
            watch->rest();
            compact_latest();
            service.runtime_->became_idle();
            auto seen = mailbox->look();
            for (; seen == fluxmq::Mailbox::Look::nothing; seen = mailbox->look())
                co_await mailbox->woken();
            if (seen == fluxmq::Mailbox::Look::closed)
                co_return false;
            turn.begin();
            hook_runs_ = true;
        }
    }
    watch_timer_.cancel();
    co_await answer_rest();
    co_return true;
}

// The node is destroyed, and says so to the commands that came too late.
Task<> NodeRuntime::answer_rest() {
    mailbox_->close();
    while (auto control = mailbox_->pop_control())
        co_await (*control)();
}

// The input of a message that is for on_input alone.
Input* NodeRuntime::plain_input(const fluxmq::Mailbox::Delivery& delivery) const noexcept {
    const auto* route = static_cast<const Input::Route*>(delivery.user);
    const bool plain =
        route && !route->only && route->input.handlers_.empty() && !route->inlet->has_failures();
    return plain ? &route->input : nullptr;
}

void NodeRuntime::begin_message(Input& input, Message& message) {
    message.set_input(input.lasting_alias_);
    keep_latest(input, message);
    if (!message.headers().empty())
        current_headers_ = message.shared_headers();
    current_input_ = &input;
}

void NodeRuntime::end_message() noexcept {
    current_headers_ = nullptr;
    current_input_ = nullptr;
    stored_over_.reset();
}

void NodeRuntime::keep_latest(Input& input, const Message& message) {
    input.latest_ = message;
    if (!std::exchange(input.is_new_, true))
        input.next_new_ = std::exchange(new_inputs_, &input);
}

// Only of the inputs that got something: a node may have thousands of others.
void NodeRuntime::compact_latest() {
    while (auto* input = new_inputs_) {
        new_inputs_ = input->next_new_;
        input->is_new_ = false;
        input->compact_latest();
    }
}

// Of the message that on_input handles.
std::string NodeRuntime::current_topic() const {
    return std::string{(stored_over_ ? *stored_over_ : *current_input_->latest_).topic()};
}

// The hook may replace the latest value of the input whose message it handles.
void NodeRuntime::about_to_store(Input& input) {
    if (&input == current_input_ && !stored_over_)
        stored_over_ = std::move(input.latest_);
}

// A message that is not for on_input alone.
Task<> NodeRuntime::handle(fluxmq::Mailbox::Delivery& delivery) {
    if (!delivery.user) {
        co_await settings_arrived(std::move(delivery.message));
        co_return;
    }
    auto& route = *static_cast<Input::Route*>(delivery.user);
    if (const auto failures = route.inlet->take_failures())
        co_await report_overflow(route.input, failures);
    auto message = std::move(delivery.message);
    message.set_input(route.input.lasting_alias_);
    current_headers_ = message.shared_headers();
    if (route.only || !route.input.handlers_.empty())
        co_await hand_to(route, message);
    std::exception_ptr failure;
    if (!route.only) {
        keep_latest(route.input, message);
        try {
            co_await node.on_input(message);
        } catch (...) {
            failure = std::current_exception();
        }
    }
    current_headers_ = nullptr;
    if (failure)
        co_await message_failed("on_input", std::string{message.topic()}, failure, &route.input);
}

// One handler that throws does not keep the others, or on_input, from the message.
Task<> NodeRuntime::hand_to(Input::Route& route, Message message) {
    const auto handlers = route.only ? std::vector{*route.only} : route.input.handlers_;
    if (!route.only)
        keep_latest(route.input, message);
    for (const auto& handler : handlers) {
        std::exception_ptr failure;
        try {
            co_await handler(message);
        } catch (...) {
            failure = std::current_exception();
        }
        if (failure)
            co_await message_failed("input handler", std::string{message.topic()}, failure, &route.input);
    }
}

// --- Commands ------------------------------------------------------------------------------------------------

bool NodeRuntime::accepts(NodeCommand command) const noexcept {
    return transition(lifecycle, command, was_created_).kind == Transition::Kind::run;
}

Task<> NodeRuntime::command(NodeCommand command) {
    return service.runtime_->on_own_loop(do_command(command));
}

Task<> NodeRuntime::do_command(NodeCommand command) {
    const auto executor = co_await asio::this_coro::executor;
    if (!loop_runs_ && command == NodeCommand::init && lifecycle == NodeState::fresh)
        begin_loop(executor);
    auto done = std::make_shared<Completion>();
    const bool by_itself = tag_of(executor) == this;
    if (!loop_runs_) {
        co_await execute(command, done);
        if (last_command_ == done) // a destroy without a loop to end
            loop_ended();
    } else if (!mailbox_->post(
                   [this, command, done, by_itself] { return execute(command, done, by_itself); })) {
        // The loop is about to end, maybe on another thread: until it has, the rest of a destroyed node is its own.
        answer_unchanged(NodeState::destroyed, command, *done);
    } else if (by_itself) {
        co_return; // our own hook waits: the command runs when it has returned
    }
    co_await done->wait();
}

Task<> NodeRuntime::execute(NodeCommand command, std::shared_ptr<Completion> done, bool by_itself) {
    const NodeState state_now = lifecycle;
    restart_timer_.cancel(); // whoever commands the node has the last word
    mailbox_->hold(false);
    if (!by_itself)
        supervisor_.begin_anew();
    const auto wanted = transition(state_now, command, was_created_);
    if (wanted.kind != Transition::Kind::run) {
        if (wanted.kind == Transition::Kind::nothing && state_now == NodeState::error)
            set_gates(Gate::not_started); // what waited for a restart waits in vain
        answer_unchanged(state_now, command, *done);
        co_return;
    }
    lifecycle = wanted.through;
    const bool ok = co_await carry_out(wanted, *done);
    if (wanted.to == NodeState::destroyed)
        last_command_ = done;
    const auto reached = ok ? wanted.to : NodeState::error;
    co_await enter(reached);
    settle_after(reached, by_itself);
    if (wanted.to != NodeState::destroyed)
        done->finish();
}

// A command that leaves the node as it is: because it is so already, or because this state does not allow it.
void NodeRuntime::answer_unchanged(NodeState state_now, NodeCommand command, Completion& done) const {
    if (transition(state_now, command, was_created_).kind == Transition::Kind::nothing)
        done.finish();
    else
        done.finish(std::make_exception_ptr(
            Error{errc::illegal_transition, "node '" + id + "' is " + std::string{to_string(state_now)} +
                                                ": cannot " + std::string{to_string(command)} + " it"}));
}

// Runs the hooks of a transition; false when it must end in the state `error`.
Task<bool> NodeRuntime::carry_out(const Transition& wanted, Completion& done) {
    if (wanted.runs_create) {
        if (!co_await run_hook("on_create", [this] { return node.on_create(); }, &done))
            co_return false;
        was_created_ = true;
    }
    if (wanted.runs_create || wanted.runs_start) { // a start makes up for a subscription that failed before
        if (!co_await run_hook("subscribe", [this] { return open_inputs(); }, &done))
            co_return false;
    }
    if (wanted.runs_start) {
        set_gates(Gate::open);
        if (!co_await run_hook("on_start", [this] { return node.on_start(); }, &done))
            co_return false; // what waits may wait for another attempt, see settle_after()
        started_at_ = last_tick_ = clock().now();
        ticks_ = deadlines_ = 0;
        ticking_ = true;
        arm_timer();
    }
    bool ok = true;
    if (wanted.runs_stop) {
        stop_ticking();
        set_gates(Gate::not_started);
        ok = co_await run_hook("on_stop", [this] { return node.on_stop(); }, &done);
    }
    if (wanted.to == NodeState::destroyed) {
        if (wanted
                .runs_stop) // who watches sees a node that ran end as with a stop; it cannot be started any more
            co_await announce_state(ok ? NodeState::stopped : NodeState::error);
        stop_intake();
        set_gates(Gate::closed);
        if (wanted.runs_destroy)
            co_await run_hook("on_destroy", [this] { return node.on_destroy(); }, &done);
        co_return true; // what failed on the way is reported; the node is gone all the same
    }
    co_return ok;
}

Task<> NodeRuntime::open_inputs() {
    co_await open_settings();
    if (!auto_listen_)
        co_return;
    for (auto* input : all_inputs())
        co_await input->listen();
}

void NodeRuntime::set_gates(Gate gate) noexcept {
    for (auto* input : all_inputs())
        input->set_gate(gate);
}

// The next command lets go, be it that start or another one.
void NodeRuntime::expect_start() noexcept {
    mailbox_->hold(true);
    set_gates(Gate::open);
}

void NodeRuntime::stop_intake() noexcept {
    fluxmq::Subscription ended; // without the lock
    {
        const std::lock_guard lock{ports_mutex_};
        ended = std::move(settings_subscription_);
    }
    for (auto* input : all_inputs())
        input->unsubscribe();
}

bool NodeRuntime::idle() const { return counters().pending == 0 && !hook_runs_; }

fluxmq::MailboxCounters NodeRuntime::counters() const {
    fluxmq::MailboxCounters sum;
    for (const auto* input : all_inputs())
        sum += input->counters();
    return sum;
}

// A config may add to them meanwhile, where the node lives on another loop.
std::vector<Input*> NodeRuntime::all_inputs() const {
    const std::lock_guard lock{ports_mutex_};
    std::vector<Input*> all;
    for (const auto& input : inputs)
        all.push_back(input.get());
    return all;
}

std::vector<std::string> NodeRuntime::topics_of(const Input& input) const {
    const std::lock_guard lock{ports_mutex_};
    return input.topics();
}

std::uint64_t NodeRuntime::published() const {
    const std::lock_guard lock{ports_mutex_};
    std::uint64_t sum = 0;
    for (const auto& output : outputs)
        sum += output->published();
    return sum;
}

std::vector<std::string> NodeRuntime::output_topics() const {
    const std::lock_guard lock{ports_mutex_};
    std::vector<std::string> all;
    for (const auto& output : outputs)
        all.insert(all.end(), output->wire_topics_.begin(), output->wire_topics_.end());
    return all;
}

NodeStatistics NodeRuntime::statistics() const {
    auto errors = meter_.errors();
    return {.inputs = counters(),
            .published = published(),
            .errors = errors.count,
            .last_error = std::move(errors.last),
            .message_time = meter_.message_time(),
            .control_time = meter_.control_time()};
}

// --- Statuses ------------------------------------------------------------------------------------------------

Task<> NodeRuntime::enter(NodeState entered) {
    lifecycle = entered;
    co_await announce_state(entered);
}

Task<> NodeRuntime::announce_state(NodeState entered) {
    const auto& strings = *status_strings_;
    switch (entered) {
    case NodeState::created: co_await announce(strings.created()); break;
    case NodeState::started: co_await announce(strings.started()); break;
    case NodeState::stopped: co_await announce(strings.stopped()); break;
    case NodeState::destroyed: co_await announce(strings.destroyed()); break;
    case NodeState::error: co_await announce(strings.error()); break;
    case NodeState::fresh:
    case NodeState::starting:
    case NodeState::stopping: break; // readable, not announced
    }
    // Heard of on the service's loop before the end of the command is.
    if (const bool runs = entered == NodeState::started; runs != std::exchange(counted_as_running_, runs))
        service.runtime_->call_on_own_loop(
            elsewhere_, [runtime = service.runtime_.get(), runs] { runtime->node_runs(runs); });
}

Task<> NodeRuntime::announce(std::string new_status) {
    status = std::move(new_status);
    publish_status();
    co_await state_changed();
}

void NodeRuntime::set_status(std::string new_status) {
    status = std::move(new_status);
    publish_status();
    mailbox_->post([this] { return status_was_set(); });
}

Task<> NodeRuntime::status_was_set() {
    if (lifecycle != NodeState::destroyed)
        co_await state_changed();
}

Task<> NodeRuntime::state_changed() {
    co_await run_hook("on_state_changed", [this] { return node.on_state_changed(); });
}

void NodeRuntime::repeat_status() {
    if (elsewhere_)
        mailbox_->post([this]() -> Task<> {
            publish_status();
            co_return;
        });
    else
        publish_status();
}

void NodeRuntime::publish_status() {
    if (status.empty())
        return;
    meter_.set_status(status);
    if (status_hidden_)
        return;
    try {
        transport().publish(service.topic().node_status(id), status, service.runtime_->announcement_headers);
    } catch (const Error& error) {
        logger().warn("status '{}' was not published: {}", status, error.what());
    }
}

spdlog::logger& NodeRuntime::logger() {
    std::call_once(logger_once_, [this] {
        if (!logger_)
            logger_ = service.runtime_->logger_for(id);
    });
    return *logger_;
}

// --- Errors --------------------------------------------------------------------------------------------------

template <class Hook>
Task<bool> NodeRuntime::run_hook(const char* name, Hook hook, Completion* done) {
    std::exception_ptr failure;
    try {
        co_await hook();
    } catch (...) {
        failure = std::current_exception();
    }
    if (!failure)
        co_return true;
    failure = as_timeout(failure);
    if (done && !done->failure)
        done->failure = std::make_exception_ptr(HookError{id, name, {}, failure});
    co_await report(name, {}, failure);
    co_return false;
}

// `input`: whose message was handled.
Task<> NodeRuntime::report(const char* hook, std::string topic, std::exception_ptr cause,
                           const Input* input) {
    const HookError error{id, hook, std::move(topic), cause};
    meter_.failed(input ? input->alias() : std::string{}, error.what());
    logger().error("{}", error.what());
    service.runtime_->publish_error(error.what());
    std::string again;
    try {
        co_await node.on_error(error);
    } catch (const std::exception& thrown) {
        again = thrown.what();
    } catch (...) {
        again = "something that is not a std::exception";
    }
    if (!again.empty())
        logger().error("on_error itself threw: {}", again);
}

Task<> NodeRuntime::message_failed(const char* hook, std::string topic, std::exception_ptr cause,
                                   const Input* input) {
    co_await report(hook, std::move(topic), as_timeout(cause), input);
    co_await hook_threw();
}

// A hook for a message, a tick or settings has thrown.
Task<> NodeRuntime::hook_threw() {
    if (!supervisor_.policy().fail_on_throw || lifecycle != NodeState::started)
        co_return;
    lifecycle = NodeState::stopping;
    stop_ticking();
    co_await run_hook("on_stop", [this] { return node.on_stop(); });
    co_await enter(NodeState::error);
    settle_after(NodeState::error, false);
}

Task<> NodeRuntime::report_overflow(Input& input, std::uint64_t count) {
    co_await report(
        "on_input", {},
        std::make_exception_ptr(Error{errc::mailbox_full, "input '" + input.alias() + "' dropped " +
                                                              std::to_string(count) + " messages"}));
}

// --- Ticks ---------------------------------------------------------------------------------------------------

const DataTimer* NodeRuntime::timer() const noexcept { return timer_ ? &*timer_ : nullptr; }

void NodeRuntime::set_timer(std::optional<DataTimer> wanted) noexcept {
    timer_ = wanted;
    ticks_globally_ = timer_ ? timer_->type == TimerType::global : service.options().has_global_tick;
}

void NodeRuntime::arm_timer() {
    const auto* wanted = timer();
    if (!wanted || wanted->type != TimerType::local)
        return;
    // Deadlines lie on a fixed grid from the start, so that lateness does not add up; missed ones are skipped.
    auto& time = clock();
    const auto passed = static_cast<std::uint64_t>((time.now() - started_at_) / wanted->interval);
    deadlines_ = std::max(deadlines_, passed) + 1;
    tick_timer_ = time.call_at(started_at_ + deadlines_ * wanted->interval, executor_, [this] {
        request_tick();
        arm_timer();
    });
}

void NodeRuntime::global_tick() {
    if (ticks_globally_)
        request_tick();
}

void NodeRuntime::stop_ticking() noexcept {
    ticking_ = false;
    tick_timer_.cancel();
}

// A timer on another loop goes on in vain until the node stops, which is soon.
void NodeRuntime::silence() noexcept {
    silenced_ = true;
    if (!elsewhere_)
        tick_timer_.cancel();
}

void NodeRuntime::request_tick() {
    if (ticking_ && !silenced_ && !tick_waits_.exchange(true))
        mailbox_->post([this] { return tick(); });
}

Task<> NodeRuntime::tick() {
    tick_waits_ = false;
    if (!ticking_ || silenced_)
        co_return;
    const auto now = clock().now();
    const Tick tick{.time = now, .delta = now - std::exchange(last_tick_, now), .count = ++ticks_};
    if (tick_callback_)
        co_await run_hook("on_tick callback", [this]() -> Task<> {
            tick_callback_();
            co_return;
        });
    if (!co_await run_hook("on_tick", [&] { return node.on_tick(tick); }))
        co_await hook_threw();
}

// --- Settings ------------------------------------------------------------------------------------------------

Task<> NodeRuntime::open_settings() {
    {
        const std::lock_guard lock{ports_mutex_};
        if (settings_subscription_.active())
            co_return;
    }
    if (!settings_inlet_)
        settings_inlet_ = mailbox_->add_inlet(settings_limits, nullptr, fluxmq::Lane::control);
    auto subscription = co_await transport().subscribe(service.topic().node_settings(id), settings_inlet_);
    const std::lock_guard lock{ports_mutex_};
    settings_subscription_ = std::move(subscription);
}

Task<> NodeRuntime::settings_arrived(Message message) {
    std::exception_ptr failure;
    const std::string topic{message.topic()};
    boost::json::object wanted;
    try {
        const auto body = message.json();
        if (!body.is_object())
            throw Error{errc::invalid_settings,
                        "expected an object, got " + std::string{message.text().substr(0, 60)}, topic};
        if (!replace_settings_)
            wanted = settings;
        for (const auto& [key, value] : body.get_object())
            wanted.insert_or_assign(key, value);
    } catch (...) {
        failure = std::current_exception();
    }
    if (failure)
        co_await report("settings", topic, failure);
    else
        co_await take_settings(std::move(wanted), std::move(message));
}

Task<> NodeRuntime::take_settings(boost::json::object wanted, Message message) {
    std::exception_ptr refused;
    std::string topic{message.topic()};
    try {
        node.check_settings(wanted);
    } catch (...) {
        refused = std::current_exception();
    }
    if (refused) {
        co_await report("check_settings", std::move(topic), refused);
        co_return;
    }
    settings = std::move(wanted);
    if (!co_await run_hook("on_settings", [&] { return node.on_settings(std::move(message)); }))
        co_await hook_threw();
}

} // namespace fluxlib
