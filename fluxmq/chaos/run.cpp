// SPDX-License-Identifier: MIT
#include "run.hpp"

#include <fluxmq/clock.hpp>
#include <fluxmq/subject.hpp>

#include "client.hpp"
#include "driver.hpp"
#include "tap.hpp"
#include "world.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <tuple>

namespace fluxmq::chaos {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

Totals& Totals::operator+=(const Totals& other) {
    published += other.published;
    due += other.due;
    arrived += other.arrived;
    read += other.read;
    dropped += other.dropped;
    lost += other.lost;
    repeated += other.repeated;
    late += other.late;
    given_up += other.given_up;
    requests += other.requests;
    answered += other.answered;
    failed += other.failed;
    subscriptions += other.subscriptions;
    breaks += other.breaks;
    gap = std::max(gap, other.gap);
    return *this;
}

namespace {

constexpr auto patience = Driver::patience;
constexpr int request_loops = 8;
constexpr Number last_words = 10;
constexpr std::size_t watch_publisher = publishers - 1; // past the lanes

NatsOptions quick(std::size_t reconnect_buffer = std::size_t{8} << 20) {
    NatsOptions options;
    options.randomize = false; // the schedule says who is where
    options.connect_timeout = 400ms;
    options.reconnect_time_wait = 60ms;
    options.reconnect_buffer_size = reconnect_buffer;
    options.ping_interval = 250ms;
    options.max_pings_outstanding = 3;
    return options;
}

MailboxLimits roomy() { return {.messages = 10'000'000, .bytes = std::size_t{4} << 30}; }

Task<> sleep(milliseconds length) {
    const auto clock = Clock::real();
    co_await clock->sleep_for(length);
}

// A subscription that lives for the whole run.
struct Whole {
    Client* client;
    std::string pattern;
    std::shared_ptr<Tap> tap;
    Subscription subscription;
    std::array<Number, flows> first{}; // see Facts

    bool covers(std::size_t flow) const { return matches(pattern, topic_of(flow)); }
};

class Run {
public:
    explicit Run(const Schedule& schedule)
        : schedule_{schedule}, several_{schedule.servers > 1}, world_{schedule}, driver_{[this] {
              for (auto& client : clients_)
                  client->sample();
          }} {}

    ~Run() {
        for (auto& publisher : publishers_)
            publisher->stop();
        // Readers that still wait, after a failure, end while their loop is there.
        driver_.stop([this] {
            for (auto& mailbox : mailboxes_)
                mailbox->discard();
        });
    }

    Outcome run() {
        Outcome outcome;
        try {
            connect();
            subscribe();
            load();
            suffer();
            recover();
            finish();
            outcome.violations = judge(outcome.totals);
            if (outcome.violations.empty()) {
                part();
                outcome.violations = judge_at_the_end(outcome.totals);
            }
        } catch (const std::exception& error) {
            outcome.violations.emplace_back(error.what());
        }
        if (!outcome.violations.empty())
            outcome.state = state();
        return outcome;
    }

private:
    static void add(Violations& to, const Violations& from) { to.insert(to.end(), from.begin(), from.end()); }

    // --- Connections and subscriptions -----------------------------------------------------------------------

    Client& make_client(std::string name, const std::string& urls, NatsOptions options = quick()) {
        auto& client = *clients_.emplace_back(std::make_unique<Client>(std::move(name), std::move(options)));
        driver_.complete(connect_one(client, urls), "the first connection of " + client.name());
        return client;
    }

    static Task<> connect_one(Client& client, std::string urls) {
        const auto deadline = std::chrono::steady_clock::now() + patience / 2;
        while (!client.nats().connected()) {
            try {
                co_await client.nats().connect(urls);
            } catch (const Error&) { // a machine under load may take longer than the timeout of this run
                if (std::chrono::steady_clock::now() > deadline)
                    throw;
            }
        }
    }

    void connect() {
        std::size_t lane = 0;
        for (std::size_t i = 0; i < publishers; ++i) {
            // One of them has little room for what it publishes without a connection.
            const auto buffer = i == 2 ? std::size_t{16} << 10 : std::size_t{8} << 20;
            auto& client = make_client("publisher" + std::to_string(i),
                                       i == watch_publisher ? world_.direct(0) : world_.through_lanes(lane++),
                                       quick(buffer));
            publishers_.push_back(std::make_unique<Publisher>(client, i, beat_));
        }
        for (int i = 0; i < 4; ++i)
            receivers_.push_back(&make_client("receiver" + std::to_string(i), world_.through_lanes(lane++)));
        asker_ = &make_client("asker", world_.through_lanes(lane++));
        answerer_ = &make_client("answerer", world_.through_lanes(lane++));
        changer_ = &make_client("changer", world_.through_lanes(lane++));
        watchers_[0] = &make_client("same_server", world_.direct(0));
        watchers_[1] = &make_client("other_server", world_.direct(1));
    }

    // The mailbox of a connection, read by a coroutine that pauses after every eighth message until the calm.
    Mailbox& make_mailbox(milliseconds pause) {
        auto& mailbox = *mailboxes_.emplace_back(Mailbox::create());
        driver_.spawn(read(mailbox, pause), "a reader");
        return mailbox;
    }

    Task<> read(Mailbox& mailbox, milliseconds pause) {
        constexpr int burst = 8;
        for (int count = 1; co_await mailbox.wait(); ++count) {
            const auto delivery = mailbox.pop_message();
            if (!delivery)
                continue;
            static_cast<Tap*>(delivery->user)->read(delivery->message);
            if (count % burst == 0 && pause > 0ms && !calm_)
                co_await sleep(pause);
        }
    }

    Whole& subscribe_whole(Client& client, std::string pattern, Mailbox& mailbox, MailboxLimits limits) {
        auto& whole = wholes_.emplace_back(&client, std::move(pattern), client.add_tap(mailbox, limits));
        driver_.complete(subscribe_one(client, whole.pattern, whole.tap, {}, whole.subscription),
                         "a subscription");
        return whole;
    }

    static Task<> subscribe_one(Client& client, std::string pattern, std::shared_ptr<Receiver> receiver,
                                SubscribeOptions options, Subscription& into) {
        into = co_await client.nats().subscribe(pattern, receiver, options);
    }

    void subscribe() {
        auto& prompt = make_mailbox(0ms);
        subscribe_whole(*receivers_[0], "load.>", prompt, roomy());
        subscribe_whole(publishers_[0]->client(), "load.0.>", prompt, roomy()); // its own messages
        for (auto* watcher : watchers_)
            watching_.push_back(
                subscribe_whole(*watcher, "load." + std::to_string(watch_publisher) + ".>", prompt, roomy())
                    .tap);

        for (std::size_t i = 0; i < schedule_.plans.size(); ++i) {
            const auto& plan = schedule_.plans[i];
            auto& mailbox = i % 2 == 0 ? make_mailbox(plan.pause) : *mailboxes_.back();
            subscribe_whole(*receivers_[1 + i / 2], i % 2 == 0 ? "load.>" : "load.*.1", mailbox,
                            {.messages = plan.room, .overflow = plan.overflow});
        }

        for (std::size_t i = 0; i < 2; ++i) {
            group_[i] = receivers_[i]->add_tap(prompt, roomy());
            driver_.complete(
                subscribe_one(*receivers_[i], "queued.>", group_[i], {.queue = "group"}, in_group_[i]),
                "a subscription");
        }
        echo_ = std::make_shared<Echo>(*answerer_);
        driver_.complete(subscribe_one(*answerer_, "echo", echo_, {}, answering_), "a subscription");
    }

    // --- What goes on under load -----------------------------------------------------------------------------

    void load() {
        driver_.spawn(beat(), "the beat");
        for (auto& publisher : publishers_)
            publisher->start();
        // Interest spreads over routes without an answer; on one server it is known.
        driver_.await(
            [&] {
                return everywhere(
                    [&](const Whole& whole, std::size_t flow) { return whole.tap->has_any_from(flow, 0); });
            },
            "the first message of every flow at every subscription");
        for (auto& whole : wholes_)
            for (std::size_t flow = 0; several_ && flow < flows; ++flow)
                whole.first[flow] = whole.tap->trace(flow).first_from(0);
        for (int i = 0; i < request_loops; ++i)
            driver_.spawn(ask(i), "a loop of requests");
        for (auto& publisher : publishers_)
            driver_.spawn(flush_again_and_again(publisher->client()), "a loop of flushes");
        driver_.spawn(change_subscriptions(make_mailbox(10ms)), "a loop of subscriptions");
    }

    Task<> beat() {
        for (; !changing_ends_; ++beat_)
            co_await sleep(1ms);
    }

    Task<> ask(int loop) {
        for (int i = 0; !asking_ends_; ++i) {
            const bool sound = sound_;
            // An answer comes, however long this machine takes for it. Over routes that is known from the first.
            const bool sure = several_ ? answered_in_calm_.load() : sound;
            const auto text = std::to_string(loop) + ' ' + std::to_string(i);
            std::optional<errc> failed;
            ++asked_;
            ++operations_;
            try {
                const auto answer =
                    co_await asker_->nats().request("echo", text, sure ? patience / 2 : 400ms);
                asker_->book_answer(answer.payload().size());
                if (answer.text() != text)
                    asker_->complain("the answer to '" + text + "' is '" + std::string{answer.text()} + '\'');
            } catch (const Error& error) {
                failed = error.kind();
                failed_in_calm_ += sure;
            }
            --operations_;
            book_request(text, failed);
            if (sound && !failed)
                answered_in_calm_ = true;
            co_await sleep(2ms);
        }
    }

    void book_request(const std::string& text, std::optional<errc> failed) {
        asker_->book_request(text, failed != errc::buffer_full);
        if (!failed) {
            ++answered_;
            return;
        }
        ++failed_;
        switch (*failed) {
        case errc::no_responders: asker_->book_answer(0); break; // the server's answer
        case errc::timeout:
        case errc::disconnected: ++late_answers_; break;
        case errc::buffer_full: break;
        default: asker_->complain("a request ended with " + make_error_code(*failed).message());
        }
    }

    Task<> flush_again_and_again(Client& client) {
        while (!changing_ends_) {
            ++operations_;
            try {
                co_await client.nats().flush(500ms);
            } catch (const Error& error) {
                if (error.kind() != errc::timeout && error.kind() != errc::disconnected)
                    client.complain("a flush ended with " + std::string{error.what()});
            }
            --operations_;
            co_await sleep(20ms);
        }
    }

    // Subscriptions that come and go. Some are full when they go, some end by themselves.
    Task<> change_subscriptions(Mailbox& mailbox) {
        constexpr std::array policies{Overflow::block, Overflow::drop_oldest, Overflow::drop_newest,
                                      Overflow::fail};
        constexpr std::uint64_t few = 20;
        for (std::size_t i = 0; !changing_ends_; ++i) {
            MailboxLimits limits{.messages = 1 + i % 7, .overflow = policies[i % policies.size()]};
            const auto tap = changer_->add_tap(mailbox, limits);
            SubscribeOptions options;
            options.max_messages = i % 3 == 0 ? few : 0;
            Subscription subscription;
            ++operations_;
            co_await subscribe_one(*changer_, "load.*.0", tap, options, subscription);
            --operations_;
            co_await sleep(milliseconds{1 + i * 7 % 40});
            subscription.unsubscribe();
            tap->end();
            if (options.max_messages > 0 && tap->taken() > few)
                changer_->complain("a subscription to " + std::to_string(few) + " messages got " +
                                   std::to_string(tap->taken()));
            changed_.push_back(tap);
        }
    }

    // --- Faults ----------------------------------------------------------------------------------------------

    void suffer() {
        struct Step {
            milliseconds at;
            const Fault* fault;
            bool begins;
        };
        std::vector<Step> steps;
        for (const auto& fault : schedule_.faults) {
            steps.push_back({fault.at, &fault, true});
            if (fault.length > 0ms)
                steps.push_back({fault.at + fault.length, &fault, false});
        }
        std::sort(steps.begin(), steps.end(), [](const Step& a, const Step& b) {
            return std::tie(a.at, a.fault) < std::tie(b.at, b.fault);
        });

        measure_gap(true);
        const auto start = std::chrono::steady_clock::now();
        for (const auto& step : steps) {
            driver_.pause_until(start + step.at);
            if (several_ && step.begins && step.fault->kind == Fault::Kind::freeze)
                measure_gap(false); // the rolling kill is over
            if (step.begins)
                world_.begin(*step.fault);
            else
                world_.end(*step.fault);
        }
        driver_.pause_until(start + schedule_.length);
        measure_gap(false);
    }

    void measure_gap(bool on) {
        for (const auto& tap : watching_)
            tap->measure_gap(on);
    }

    bool everywhere(const std::function<bool(const Whole&, std::size_t flow)>& holds) const {
        return std::all_of(wholes_.begin(), wholes_.end(), [&](const Whole& whole) {
            for (std::size_t flow = 0; flow < flows; ++flow)
                if (whole.covers(flow) && !holds(whole, flow))
                    return false;
            return true;
        });
    }

    Number published(std::size_t flow) const { return publishers_[flow / topics]->published(flow % topics); }

    // All faults are over. A connection counts as sound when it has answered a flush. From then on none may break,
    // but on a machine so busy that a server says nothing for a second, it is the machine: then once more.
    void recover() {
        calm_ = true; // readers do not pause any more
        confirm_all();
        for (const auto& client : clients_)
            breaks_before_calm_.push_back(client->breaks() - client->silences());
        do {
            sound_ = answered_in_calm_ = false;
            confirm_all();
            failed_in_calm_ = 0;
            sound_ = true;
            silences_before_calm_ = silences();
            for (std::size_t flow = 0; flow < flows; ++flow)
                calm_from_[flow] = published(flow);
            driver_.await(
                [&] {
                    return everywhere([&](const Whole& whole, std::size_t flow) {
                        return whole.tap->has_any_from(flow, calm_from_[flow]);
                    });
                },
                "a message of every flow at every subscription after the faults");
            driver_.await([&] { return answered_in_calm_.load(); }, "an answer after the faults");
            driver_.pause_until(std::chrono::steady_clock::now() + 100ms);
        } while (silences() != silences_before_calm_);
    }

    void confirm_all() {
        for (auto& client : clients_)
            driver_.complete(confirm(*client), "a sound connection of " + client->name());
    }

    Number silences() const {
        Number count = 0;
        for (const auto& client : clients_)
            count += client->silences();
        return count;
    }

    static Task<> confirm(Client& client) {
        for (;;) {
            try {
                co_return co_await client.nats().flush(patience);
            } catch (const Error& error) {
                if (error.kind() != errc::disconnected)
                    throw;
            }
        }
    }

    // The load ends, and everything comes to rest.
    void finish() {
        changing_ends_ = asking_ends_ = true;
        for (auto& publisher : publishers_)
            publisher->stop();
        driver_.await([&] { return driver_.running() == static_cast<int>(mailboxes_.size()); },
                      "all but the readers to end");
        confirm_all();
        driver_.await(
            [&] {
                return everywhere([&](const Whole& whole, std::size_t flow) {
                    return whole.tap->has(flow, published(flow) - 1);
                });
            },
            "the last message of every flow at every subscription");
        confirm_all(); // and what belongs to no flow has come
        driver_.await(
            [&] {
                return std::all_of(mailboxes_.begin(), mailboxes_.end(),
                                   [](const auto& mailbox) { return mailbox->counters().pending == 0; });
            },
            "empty mailboxes");
    }

    // --- The account -----------------------------------------------------------------------------------------

    Violations judge(Totals& totals) {
        auto violations = driver_.failures();
        for (std::size_t i = 0; i < clients_.size(); ++i) {
            auto& client = *clients_[i];
            add(violations, client.judge(may_be_late(client), 0));
            totals.breaks += client.breaks();
            if (client.breaks() - client.silences() != breaks_before_calm_[i])
                violations.push_back(client.name() + ": its connection broke in the calm");
        }
        for (const auto& whole : wholes_)
            for (std::size_t flow = 0; flow < flows; ++flow)
                if (whole.covers(flow))
                    judge_flow(whole, flow, totals, violations);
        for (const auto& whole : wholes_)
            sum_mailbox(*whole.tap, totals);
        for (const auto& tap : changed_)
            judge_changed(*tap, violations);
        judge_group(violations);
        for (std::size_t flow = 0; flow < flows; ++flow)
            totals.published += published(flow);
        totals.requests = asked_;
        totals.answered = answered_;
        totals.failed = failed_;
        if (asked_ != answered_ + failed_)
            violations.emplace_back("not every request ended once");
        if (failed_in_calm_ > 0)
            violations.push_back(std::to_string(failed_in_calm_) + " requests failed in the calm");
        totals.subscriptions = changed_.size();
        for (const auto& tap : watching_)
            totals.gap = std::max(totals.gap, tap->gap());
        if (totals.due + totals.repeated != totals.arrived + totals.lost ||
            totals.arrived != totals.read + totals.dropped.total())
            violations.emplace_back("the sums are not even");
        return violations;
    }

    // Answers that nobody waited for any more: for a request that had ended already, and in a cluster any that comes
    // once more after a move to another server.
    std::uint64_t may_be_late(const Client& client) const {
        if (&client != asker_)
            return 0;
        return late_answers_ + (several_ ? echo_->received() * client.breaks() : 0);
    }

    void judge_flow(const Whole& whole, std::size_t flow, Totals& totals, Violations& violations) const {
        const auto& publisher = *publishers_[flow / topics];
        const auto trace = whole.tap->trace(flow);
        Facts facts;
        facts.first = whole.first[flow];
        facts.published = published(flow);
        // What was published before an interest had spread again may be missing: from the first message on that
        // came after the faults, nothing may.
        facts.calm = several_ ? trace.first_from(calm_from_[flow]) : calm_from_[flow];
        facts.publisher_breaks = publisher.client().breaks();
        facts.receiver_breaks = whole.client->breaks();
        // What was published after the last break, and kept until the connection was back, is not lost either.
        if (!several_ && facts.receiver_breaks == 0)
            facts.calm = std::min(facts.calm, publisher.after_last_break(flow % topics));
        facts.old_bytes_may_come = schedule_.old_bytes_may_come();
        facts.moves = several_;
        for (const auto& each : chaos::judge(trace, facts))
            violations.push_back(topic_of(flow) + " at " + whole.tap->name() + ": " + each);
        totals.due += facts.published - facts.first;
        totals.arrived += trace.count() + trace.repeated();
        totals.repeated += trace.repeated();
        totals.lost += trace.missing(facts.first, facts.published);
        totals.late += trace.late();
    }

    static void sum_mailbox(const Tap& tap, Totals& totals) {
        const auto counters = tap.inlet().counters();
        totals.read += counters.delivered;
        totals.dropped += counters.dropped;
    }

    // It was there for a part of the run, which its first and last message tell.
    void judge_changed(const Tap& tap, Violations& violations) const {
        for (std::size_t flow = 0; flow < flows; ++flow) {
            const auto trace = tap.trace(flow);
            Facts facts;
            facts.first = trace.first_from(0);
            facts.published = facts.calm = trace.end();
            facts.publisher_breaks = publishers_[flow / topics]->client().breaks();
            facts.receiver_breaks = changer_->breaks();
            facts.old_bytes_may_come = schedule_.old_bytes_may_come();
            facts.moves = several_;
            for (const auto& each : chaos::judge(trace, facts))
                violations.push_back(topic_of(flow) + " at " + tap.name() + ": " + each);
        }
    }

    // A message goes to one member of a queue group, and is lost only with a connection.
    void judge_group(Violations& violations) const {
        for (std::size_t publisher = 0; publisher < publishers; ++publisher) {
            const auto flow = publisher * topics + queued_topic;
            const auto one = group_[0]->trace(flow);
            const auto other = group_[1]->trace(flow);
            Number twice = 0;
            Number missing = 0;
            for (Number number = 0; number < published(flow); ++number) {
                twice += one.has(number) && other.has(number);
                missing += !one.has(number) && !other.has(number);
            }
            if (twice > 0)
                violations.push_back(topic_of(flow) + ": both members of a group got " +
                                     std::to_string(twice) + " messages");
            const auto breaks =
                publishers_[publisher]->client().breaks() + receivers_[0]->breaks() + receivers_[1]->breaks();
            if (missing > 0 && breaks == 0 && !several_)
                violations.push_back(topic_of(flow) + ": a group lost " + std::to_string(missing) +
                                     " messages, and no connection broke");
        }
    }

    // What is published without a connection is given up by close(), and counted.
    void part() {
        world_.kill_all();
        for (auto& publisher : publishers_)
            driver_.await([&] { return !publisher->client().nats().connected(); }, "a lost connection");
        for (auto& publisher : publishers_)
            for (Number i = 0; i < last_words; ++i)
                publisher->publish_one(0);
        for (auto& client : clients_)
            driver_.complete(client->nats().close(), "the end of " + client->name());
        for (auto& mailbox : mailboxes_)
            mailbox->close();
        driver_.await([&] { return driver_.running() == 0; },
                      "the end of " + std::to_string(driver_.running()) + " activities");
    }

    Violations judge_at_the_end(Totals& totals) {
        Violations violations;
        for (auto& client : clients_) {
            const bool publishes = std::any_of(publishers_.begin(), publishers_.end(), [&](const auto& each) {
                return &each->client() == client.get();
            });
            const auto lost = publishes ? last_words : 0;
            add(violations, client->judge(may_be_late(*client), lost));
            totals.given_up += lost;
        }
        return violations;
    }

    std::string state() {
        std::string text = "  " + std::to_string(operations_) + " operations and " +
                           std::to_string(driver_.running()) + " activities under way\n";
        for (auto& client : clients_)
            text += client->state();
        return text;
    }

    const Schedule& schedule_;
    const bool several_;
    World world_;
    std::vector<std::unique_ptr<Client>> clients_;
    std::vector<std::unique_ptr<Publisher>> publishers_;
    std::vector<Client*> receivers_;
    std::array<Client*, 2> watchers_{};
    Client* asker_ = nullptr;
    Client* answerer_ = nullptr;
    Client* changer_ = nullptr;

    std::deque<std::shared_ptr<Mailbox>> mailboxes_;
    std::deque<Whole> wholes_;
    std::vector<std::shared_ptr<Tap>> watching_;
    std::array<std::shared_ptr<Tap>, 2> group_;
    std::array<Subscription, 2> in_group_;
    std::shared_ptr<Echo> echo_;
    Subscription answering_;
    std::vector<std::shared_ptr<Tap>> changed_;

    std::array<Number, flows> calm_from_{};
    std::vector<Number> breaks_before_calm_;
    Number silences_before_calm_ = 0;

    std::atomic<bool> calm_{false};
    std::atomic<bool> changing_ends_{false};
    std::atomic<bool> asking_ends_{false};
    std::atomic<bool> sound_{false};
    std::atomic<bool> answered_in_calm_{false};
    std::atomic<Number> failed_in_calm_{0};
    std::atomic<std::uint64_t> beat_{0};
    std::atomic<int> operations_{0};
    std::atomic<std::uint64_t> asked_{0};
    std::atomic<std::uint64_t> answered_{0};
    std::atomic<std::uint64_t> failed_{0};
    std::atomic<std::uint64_t> late_answers_{0};

    Driver driver_;
};

} // namespace

Outcome run_schedule(const Schedule& schedule) {
    try {
        return Run{schedule}.run();
    } catch (const std::exception& error) {
        Outcome outcome;
        outcome.violations.push_back("it could not begin: " + std::string{error.what()});
        return outcome;
    }
}

} // namespace fluxmq::chaos
