// SPDX-License-Identifier: MIT
#include <fluxmq/nats.hpp>

#include "../nats_support.hpp"
#include "clients.hpp"

namespace fluxmq::test {

namespace {

Letter letter_of(const Message& message) {
    Letter letter{.subject = std::string{message.topic()},
                  .reply = std::string{message.reply()},
                  .payload = std::string{message.text()},
                  .status = message.status(),
                  .status_text = std::string{message.status_text()}};
    for (const auto& [name, value] : message.headers())
        letter.headers[name].push_back(value);
    return letter;
}

std::vector<Letter> letters_of(const Inbox& inbox) {
    std::vector<Letter> letters;
    for (const auto& message : inbox.messages())
        if (message.text() != end_mark)
            letters.push_back(letter_of(message));
    return letters;
}

void publish(Nats& nats, const Letter& letter) {
    Headers headers;
    for (const auto& [name, values] : letter.headers)
        for (const auto& value : values)
            headers.add(name, value);
    nats.publish(letter.subject, letter.payload, headers, letter.reply);
}

Task<> play(const Session& session, std::string url, Outcome& outcome) {
    Nats nats;
    co_await nats.connect(std::move(url));
    std::vector<std::shared_ptr<Inbox>> inboxes;
    std::vector<Subscription> subscriptions;
    for (const auto& pattern : session.subscriptions) {
        inboxes.push_back(std::make_shared<Inbox>());
        SubscribeOptions options;
        options.queue = pattern.queue;
        auto subscription = co_await nats.subscribe(pattern.subject, inboxes.back(), options);
        subscriptions.push_back(std::move(subscription));
    }
    for (const auto& inbox : inboxes)
        co_await until([&] { return inbox->last().text() == end_mark; }, "the end of the stream");
    for (const auto& letter : session.published)
        publish(nats, letter);
    co_await nats.flush();
    co_await nats.close();
    for (const auto& inbox : inboxes)
        outcome.received.push_back(letters_of(*inbox));
}

} // namespace

Outcome play_ours(const Session& session) {
    Outcome outcome;
    SessionServer server{session};
    run([&] { return play(session, server.url(), outcome); });
    outcome.sent = server.finish();
    return outcome;
}

} // namespace fluxmq::test
