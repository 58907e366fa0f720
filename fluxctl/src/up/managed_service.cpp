// SPDX-License-Identifier: MIT
#include "up/managed_service.hpp"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cctype>

namespace fluxctl::up {

using flow::Sdk;

namespace {

constexpr auto all_nodes = "*";
constexpr int most_questions = 5; // after a break, to who does not answer

// The SDKs do not agree on the case of their statuses.
bool same(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](unsigned char x, unsigned char y) { return std::toupper(x) == std::toupper(y); });
}

} // namespace

ManagedService::ManagedService(flow::Service spec, std::string answers)
    : spec_{std::move(spec)}, answers_{std::move(answers)}, crew_{spec_.id, spec_.command} {}

Outgoing ManagedService::config() const {
    return {topic_.configuration(id()), boost::json::serialize(fluxlib::to_json(spec_.nodes))};
}

Outgoing ManagedService::status_request() const { return {topic_.status_request(id()), "", answers_}; }

void ManagedService::begin(TimePoint now, Actions& actions) {
    crew_.launch(actions);
    if (!crew_.empty())
        return;
    if (spec_.sdk != Sdk::go) {
        actions.send.push_back(status_request());
        return;
    }
    // Without a config it cannot be asked, and with one it takes another. Nobody may be there.
    phase_ = Phase::configured;
    to_start_ = {all_nodes};
    sent_at_ = now;
    actions.send.push_back(config());
}

void ManagedService::ask(TimePoint now, Actions& actions) {
    actions.send.push_back(status_request());
    ask_at_ = now + question_interval;
}

bool ManagedService::is_ready(std::string_view status) { return same(status, fluxmq::Status{}.ready()); }

// --- What is heard of it -------------------------------------------------------------------------------------

void ManagedService::learn(const Heard& heard, std::optional<Sdk> sdk) {
    heard_of_ = true;
    ask_at_.reset();
    if (heard.from_go)
        seen_ = Sdk::go;
    else if (sdk && !seen_)
        seen_ = sdk;
}

void ManagedService::on_status(const Heard& heard, TimePoint now, Actions& actions) {
    learn(heard);
    statuses_[std::string{heard.replica}] = heard.text;
    const auto is = [&](const std::string& status) { return same(heard.text, status); };
    if (is(status_.starting())) {
        forget();
    } else if (is(status_.connected())) {
        came(heard, now);
    } else if (is(status_.stopping()) || is(status_.stopped())) {
        if (expected() == 1) { // of several, the others stay
            forget();
            phase_ = Phase::leaving;
        }
        left(actions);
    } else if (is(status_.paused()) || is(status_.error())) {
        left(actions);
        present(now, actions);
    } else if (is(status_.active())) {
        runs();
        configured_ = configured_ || phase_ == Phase::started;
        present(now, actions);
    } else if (is(status_.ready())) {
        ready(now, actions);
    }
}

// A process that has just come knows nothing. Pings that it has answered were answered by one before it, perhaps.
void ManagedService::forget() noexcept {
    if (spec_.command.replicas == 1)
        instances_.clear();
    phase_ = Phase::away;
    configured_ = runs_ = false;
    to_start_.clear();
    created_.clear();
    running_.clear();
    call_off();
    sent_at_ = TimePoint::min();
}

// The config and the starts that were to go out later do not.
void ManagedService::call_off() noexcept {
    config_at_.reset();
    name_at_.reset();
    start_at_.reset();
    repeat_at_.reset();
    remade_.clear();
}

// How many processes have to report: each replica does.
int ManagedService::expected() const noexcept { return std::max(1, crew_.running()); }

void ManagedService::came(const Heard& heard, TimePoint now) {
    ++came_;
    if (ending())
        return;
    if (phase_ != Phase::connected) {
        forget();
        repeats_ = 0;
        if (!std::exchange(answered_, false) && !heard.from_go)
            seen_.reset(); // it may be another program now
        phase_ = Phase::connected;
        name_at_ = now + ready_patience;
    }
    configure_when_all_have_come(now);
}

// A config reaches all replicas: those that append its nodes get it when the last one has come.
void ManagedService::configure_when_all_have_come(TimePoint now) {
    if (phase_ == Phase::connected && !config_at_ && (!appends() || came_ >= expected()))
        config_at_ = now + config_patience;
}

void ManagedService::on_config_request(const Heard& heard, TimePoint now, Actions& actions) {
    learn(heard, heard.text == id() ? Sdk::cpp : Sdk::python);
    if (ending())
        return;
    if (sdk() == Sdk::go) { // it may not listen yet
        if (phase_ != Phase::connected)
            came(heard, now);
        return;
    }
    const bool has_config = phase_ == Phase::configured || phase_ == Phase::started;
    if (appends() && has_config)
        actions.notice("has sent the config already", id());
    else if (by_difference() || came_ >= expected() || phase_ == Phase::away)
        configure(now, actions);
}

// Only this SDK answers with its status; Go's handler acknowledges.
void ManagedService::on_answer(const Heard& heard, TimePoint now, Actions& actions) {
    learn(heard, heard.text == "+ACK" || heard.text == "-NAK" ? Sdk::go : Sdk::cpp);
    if (same(heard.text, status_.connected()))
        answered_ = true; // it says the same on its status topic, to all
    else
        present(now, actions);
}

// It was there before the manager, or before it was known what it is.
void ManagedService::present(TimePoint now, Actions& actions) {
    if (ending() || phase_ != Phase::away)
        return;
    if (!sdk())
        actions.send.push_back(status_request());
    else if (!appends())
        configure(now, actions);
}

void ManagedService::configure(TimePoint now, Actions& actions) {
    phase_ = Phase::configured;
    configured_ = false;
    to_start_ = {all_nodes};
    created_.clear();
    running_.clear();
    call_off();
    sent_at_ = now;
    actions.send.push_back(config());
    if (spec_.nodes.empty() && !by_difference())
        return; // there is nothing to wait for
    name_at_ = now + naming_patience;
    if (!by_difference())
        start_at_ = now + ready_patience;
}

void ManagedService::ready(TimePoint now, Actions& actions) {
    if (phase_ == Phase::away) {
        present(now, actions);
        return;
    }
    configured_ = true;
    name_at_.reset();
    sent_at_ = TimePoint::min();
    if (phase_ == Phase::started)
        repeat_at_.reset(); // Go says it when a start is done
    if (ending() || to_start_.empty() || (phase_ != Phase::configured && phase_ != Phase::started))
        return;
    // Go says it before it listens, and a user of Python at any time: before some nodes are there, perhaps.
    if (by_difference() || (appends() && all_created()))
        start(now, actions);
    else
        start_at_ = now + (appends() ? nodes_patience : go_patience);
}

bool ManagedService::all_created() const {
    return std::all_of(spec_.nodes.begin(), spec_.nodes.end(), [&](const fluxlib::DataNode& node) {
        const auto found = created_.find(node.id);
        return found != created_.end() && found->second >= expected();
    });
}

void ManagedService::runs() noexcept {
    runs_ = true;
    repeat_at_.reset();
    sent_at_ = TimePoint::min();
}

void ManagedService::left(Actions& actions) {
    ++left_;
    if (end_ == End::none && expected() == 1) // of several, others may run
        runs_ = false;
    if (end_ == End::nodes && left_ >= expected())
        end_processes(actions);
}

void ManagedService::on_node_status(const std::string& node, const Heard& heard, TimePoint now,
                                    Actions& actions) {
    learn({.text = heard.text}); // what a node says may carry headers of a message from Go
    node_statuses_[node] = heard.text;
    const auto is = [&](const std::string& status) { return same(heard.text, status); };
    if (is(node_status_.started())) {
        to_start_.erase(node); // the service has started it by itself, perhaps
        running_.insert(node);
        remade_.erase(node);
        runs();
    } else if (is(node_status_.created())) {
        ++created_[node];
        if (by_difference() || ending())
            return; // READY follows
        sent_at_ = TimePoint::min();
        if (phase_ == Phase::configured && all_created())
            start(now, actions);
        else if (phase_ == Phase::started)
            remade_[node] = now + remade_patience;
    } else {
        if (is(node_status_.error()))
            to_start_.erase(node);
        if (running_.erase(node) > 0 && running_.empty() && !by_difference() && end_ == End::nodes)
            end_processes(actions);
    }
}

// --- The start -----------------------------------------------------------------------------------------------

// Only once for a config: some services announce READY when they have been started.
void ManagedService::start(TimePoint now, Actions& actions) {
    const auto to_start = std::exchange(to_start_, {});
    phase_ = Phase::started;
    name_at_.reset();
    start_at_.reset();
    runs_ = !spec_.nodes.empty();
    if (!runs_)
        return;
    if (to_start.contains(all_nodes)) {
        actions.send.push_back({topic_.start(id()), all_nodes});
    } else { // one by one: not every SDK understands a list
        for (const auto& node : spec_.nodes)
            if (to_start.contains(node.id))
                actions.send.push_back({topic_.start(id()), node.id});
    }
    if (by_difference())
        return;
    sent_at_ = now;
    if (sdk() == Sdk::go) { // it says READY before it listens
        repeats_ = 0;
        repeat_at_ = now + first_repeat;
    }
}

// READY has not come, or came a while ago.
void ManagedService::start_late(TimePoint now, Actions& actions) {
    start_at_.reset();
    if (by_difference()) // READY will come: it was not known yet what it is
        return;
    if (configured_) {
        start(now, actions);
    } else if (appends()) {
        actions.notice("starts without READY", id());
        start(now, actions);
    } else if (++repeats_ <= most_repeats) { // a Go service that has its config says READY
        actions.notice("sends the config again", id());
        configure(now, actions);
    }
}

void ManagedService::repeat_start(TimePoint now, Actions& actions) {
    if (++repeats_ > most_repeats) {
        repeat_at_.reset();
        actions.notice("does not hear that its nodes run", id());
        return;
    }
    repeat_at_ = now + std::min(first_repeat * (1 << repeats_), longest_repeat);
    actions.send.push_back({topic_.start(id()), all_nodes});
}

void ManagedService::start_remade(TimePoint now, Actions& actions) {
    for (auto at = remade_.begin(); at != remade_.end();) {
        if (at->second > now) {
            ++at;
            continue;
        }
        actions.send.push_back({topic_.start(id()), at->first});
        at = remade_.erase(at);
    }
}

void ManagedService::due(TimePoint now, Actions& actions) {
    const auto is_due = [now](const std::optional<TimePoint>& time) { return time && *time <= now; };
    if (is_due(stop_by_))
        end_processes(actions);
    if (ending())
        return;
    if (crew_.next_due() <= now && appends() && crew_.running() > 0)
        restart(now, actions); // a config for the new process would double the nodes of the others
    else
        crew_.due(now, actions);
    if (is_due(ask_at_)) {
        ask_at_.reset();
        if (++questions_ < most_questions)
            ask(now, actions);
    }
    if (is_due(config_at_))
        configure(now, actions);
    if (is_due(name_at_)) {
        name_at_.reset();
        actions.notice(phase_ == Phase::connected ? "waits for its replicas" : "waits for READY", id());
    }
    if (is_due(start_at_))
        start_late(now, actions);
    if (is_due(repeat_at_))
        repeat_start(now, actions);
    start_remade(now, actions);
}

ManagedService::TimePoint ManagedService::next_due() const noexcept {
    auto next = crew_.next_due();
    for (const auto& time : {ask_at_, config_at_, name_at_, start_at_, repeat_at_, stop_by_})
        next = std::min(next, time.value_or(TimePoint::max()));
    for (const auto& [node, time] : remade_)
        next = std::min(next, time);
    return next;
}

// --- Signs of life -------------------------------------------------------------------------------------------

void ManagedService::on_pong(const std::string& instance, const std::string& replica, TimePoint now,
                             Actions& actions) {
    learn({}, Sdk::cpp);
    auto& known = instances_[instance];
    known.replica = replica;
    known.unanswered = 0;
    if (std::exchange(known.gone, false)) {
        actions.notice("back", name_of(known));
        actions.send.push_back(status_request());
    }
    present(now, actions);
}

std::string ManagedService::name_of(const Instance& instance) const {
    return instance.replica.empty() ? id() : id() + '#' + instance.replica;
}

void ManagedService::pinged(Actions& actions) {
    for (auto& [instance, known] : instances_) {
        if (++known.unanswered == ping_patience + 1) {
            known.gone = true;
            runs_ = configured_ = false;
            actions.notice("gone", name_of(known));
        }
        if (known.unanswered % kill_patience == 0 && !ending()) // a debugger may hold it for a while
            crew_.kill_hung(known.replica.empty() ? 1 : std::atoi(known.replica.c_str()), actions);
    }
    if (end_ == End::nodes && !runs_)
        end_processes(actions);
}

// --- Processes -----------------------------------------------------------------------------------------------

void ManagedService::on_process_end(int replica, const Ending& ending_of_it, TimePoint now,
                                    Actions& actions) {
    const auto name = std::to_string(replica);
    std::erase_if(instances_, [&](const auto& known) {
        return known.second.replica.empty() || known.second.replica == name;
    });
    crew_.on_end(replica, ending_of_it, !ending(), now, actions);
    came_ = std::min(came_, crew_.running());
    if (crew_.running() == 0) {
        forget();
        came_ = 0;
        heard_of_ = false;
        statuses_.clear();
        node_statuses_.clear();
        if (end_ == End::nodes || end_ == End::processes)
            finish_end(actions);
    } else {
        configure_when_all_have_come(now);
    }
}

void ManagedService::restart(TimePoint now, Actions& actions) {
    end(now, actions);
    launch_again_ = true;
    if (end_ == End::done)
        finish_end(actions);
}

void ManagedService::restart_or_tell(TimePoint now, Actions& actions) {
    if (crew_.running() > 0)
        restart(now, actions);
    else
        actions.notice("needs a restart", id());
}

// --- The flow and the connection -----------------------------------------------------------------------------

bool ManagedService::change(flow::Service spec, TimePoint now, Actions& actions) {
    const auto before = std::exchange(spec_, std::move(spec));
    const bool other_nodes = before.nodes != spec_.nodes;
    const auto& was = before.command;
    const auto& is = spec_.command;
    const bool other_program = was.words != is.words || was.environment != is.environment ||
                               was.directory != is.directory ||
                               (was.replicas > 1) != (is.replicas > 1); // then they have a name each
    if (!other_nodes && was == is)
        return false;
    if (ending()) { // what comes after it will have all of it
        crew_.change(is, false, actions);
        return true;
    }
    const bool restarts =
        crew_.running() > 0 && (other_program || (other_nodes && appends() && phase_ >= Phase::configured) ||
                                (was.replicas != is.replicas && appends()));
    const bool ended = crew_.running() == 0;
    crew_.change(is, !restarts, actions);
    if (ended) { // it may end in another way now
        crew_.forgive();
        crew_.launch(actions);
    }
    if (restarts)
        restart(now, actions);
    else if (other_nodes)
        change_nodes(before.nodes, now, actions);
    return true;
}

void ManagedService::change_nodes(const std::vector<fluxlib::DataNode>& before, TimePoint now,
                                  Actions& actions) {
    const bool has_config = phase_ == Phase::configured || phase_ == Phase::started;
    // One that was there before the manager, and cannot be asked, may have a config.
    if (appends() && (has_config || (phase_ == Phase::away && crew_.empty() && heard_of_))) {
        restart_or_tell(now, actions);
        return;
    }
    if (!has_config)
        return; // it gets its config when it comes
    if (sdk() == Sdk::go || phase_ == Phase::configured) {
        configure(now, actions);
        return;
    }
    // A node that has ended by itself, say, is not to begin again because of another one.
    for (const auto& node : fluxlib::diff_config(before, spec_.nodes).create)
        to_start_.insert(node.id);
    actions.send.push_back(config());
}

void ManagedService::take_back(const flow::Service& before) {
    spec_.nodes = before.nodes;
    to_start_.clear();
}

// While the connection was lost, a service may have come up, and one that was configured may have been started again:
// its status tells, where it has one. Whether it is there at all is not known any more.
void ManagedService::reconnected(TimePoint lost_at, TimePoint now, Actions& actions) {
    heard_of_ = false;
    instances_.clear();
    if (ending())
        return;
    const bool sent = phase_ == Phase::configured || phase_ == Phase::started;
    if (appends() && sent) {
        // It cannot be asked. What was sent just before may be lost, and must not be sent twice.
        heard_of_ = true;
        if (sent_at_ != TimePoint::min() && lost_at - sent_at_ < break_window)
            restart_or_tell(now, actions);
        return;
    }
    configured_ = false;
    questions_ = 0;
    if (phase_ == Phase::away && crew_.running() > 0) {
        // It was launched meanwhile, and whatever it said then was not heard.
        came_ = crew_.running();
        phase_ = Phase::connected;
        config_at_ = now + config_patience;
    } else if (sent && !to_start_.empty()) {
        actions.send.push_back(config());
    } else {
        ask(now, actions); // it may take longer to be back
    }
}

// --- The end -------------------------------------------------------------------------------------------------

void ManagedService::leave(TimePoint now, Actions& actions) {
    const bool appended = appends() && (phase_ == Phase::configured || phase_ == Phase::started);
    end(now, actions);
    if (!crew_.empty())
        return;
    if (appended)
        actions.notice("keeps its nodes", id());
    else
        actions.send.push_back({topic_.configuration(id()), "[]"});
    end_at_once(actions);
}

void ManagedService::end(TimePoint now, Actions& actions) {
    launch_again_ = false;
    if (ending())
        return;
    const bool waits = runs_;
    left_ = 0;
    actions.send.push_back({topic_.stop(id()), all_nodes});
    call_off();
    ask_at_.reset();
    crew_.call_off();
    end_ = End::nodes;
    if (waits)
        stop_by_ = now + (appends() ? silent_stop_patience : stop_patience);
    else
        end_processes(actions);
}

void ManagedService::stay() noexcept { launch_again_ = true; }

void ManagedService::end_at_once(Actions& actions) {
    launch_again_ = false;
    if (end_ == End::none) {
        end_ = End::nodes;
        actions.send.push_back({topic_.stop(id()), all_nodes});
    }
    if (end_ == End::nodes)
        end_processes(actions);
}

void ManagedService::end_processes(Actions& actions) {
    stop_by_.reset();
    end_ = End::processes;
    crew_.terminate(actions);
    if (crew_.running() == 0)
        finish_end(actions);
}

void ManagedService::finish_end(Actions& actions) {
    end_ = End::done;
    stop_by_.reset();
    if (!std::exchange(launch_again_, false))
        return;
    end_ = End::none;
    forget();
    came_ = 0;
    crew_.launch(actions);
}

// --- What is known of it -------------------------------------------------------------------------------------

boost::json::object ManagedService::describe() const {
    namespace json = boost::json;
    json::object described{{"service", id()}, {"heard", heard_of_ && !by_difference()}};
    if (sdk())
        described["sdk"] = to_string(*sdk());
    json::array statuses;
    for (const auto& [replica, status] : statuses_) {
        json::object one{{"status", status}};
        if (!replica.empty())
            one["replica"] = replica;
        statuses.push_back(std::move(one));
    }
    described["statuses"] = std::move(statuses);
    if (!crew_.empty())
        described["processes"] = crew_.running();
    json::array nodes;
    for (const auto& node : spec_.nodes) {
        const auto status = node_statuses_.find(node.id);
        nodes.push_back({{"node", node.id},
                         {"type", node.type},
                         {"status", status == node_statuses_.end() ? "" : status->second}});
    }
    described["nodes"] = std::move(nodes);
    return described;
}

} // namespace fluxctl::up
