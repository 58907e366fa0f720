// SPDX-License-Identifier: MIT
#include "clients.hpp"

#include <nats/nats.h>

#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

namespace fluxmq::test {

namespace {

void check(natsStatus status, const char* doing) {
    if (status != NATS_OK)
        throw std::runtime_error{std::string{"libnats, "} + doing + ": " + natsStatus_GetText(status)};
}

template <auto Destroy>
struct Destroyer {
    template <class T>
    void operator()(T* object) const noexcept {
        Destroy(object);
    }
};

using Options = std::unique_ptr<natsOptions, Destroyer<natsOptions_Destroy>>;
using Connection = std::unique_ptr<natsConnection, Destroyer<natsConnection_Destroy>>;
using Subscription = std::unique_ptr<natsSubscription, Destroyer<natsSubscription_Destroy>>;
using Message = std::unique_ptr<natsMsg, Destroyer<natsMsg_Destroy>>;
using Names = std::unique_ptr<const char*, Destroyer<[](const char** names) { std::free(names); }>>;

constexpr std::int64_t patience_ms = 30'000;

Connection connect(const std::string& url) {
    natsOptions* made = nullptr;
    check(natsOptions_Create(&made), "options");
    const Options options{made};
    check(natsOptions_SetURL(options.get(), url.c_str()), "url");
    check(natsOptions_SetAllowReconnect(options.get(), false), "no reconnect");
    natsConnection* connection = nullptr;
    check(natsConnection_Connect(&connection, options.get()), "connecting");
    return Connection{connection};
}

Subscription subscribe(natsConnection* connection, const Pattern& pattern) {
    natsSubscription* made = nullptr;
    check(pattern.queue.empty() ? natsConnection_SubscribeSync(&made, connection, pattern.subject.c_str())
                                : natsConnection_QueueSubscribeSync(
                                      &made, connection, pattern.subject.c_str(), pattern.queue.c_str()),
          "subscribing");
    return Subscription{made};
}

void read_headers(natsMsg* message, Letter& letter) {
    const char** made = nullptr;
    int count = 0;
    const auto status = natsMsgHeader_Keys(message, &made, &count);
    if (status == NATS_NOT_FOUND)
        return;
    check(status, "reading headers");
    const Names names{made};
    for (int i = 0; i < count; ++i) {
        const char** values = nullptr;
        int values_count = 0;
        check(natsMsgHeader_Values(message, names.get()[i], &values, &values_count), "reading a header");
        const Names owner{values};
        letter.headers[names.get()[i]].assign(values, values + values_count);
    }
    // It has the status of the first line among the headers.
    if (const auto code = letter.headers.find("Status"); code != letter.headers.end()) {
        letter.status = std::stoi(code->second.front());
        letter.headers.erase(code);
        if (const auto text = letter.headers.extract("Description"))
            letter.status_text = text.mapped().front();
    }
}

Letter letter_of(natsMsg* message) {
    const auto* reply = natsMsg_GetReply(message);
    Letter letter{
        .subject = natsMsg_GetSubject(message),
        .reply = reply ? reply : "",
        .payload = {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))}};
    read_headers(message, letter);
    return letter;
}

std::vector<Letter> receive(natsSubscription* subscription) {
    std::vector<Letter> letters;
    for (;;) {
        natsMsg* made = nullptr;
        check(natsSubscription_NextMsg(&made, subscription, patience_ms), "receiving");
        const Message message{made};
        auto letter = letter_of(made);
        if (letter.payload == end_mark)
            return letters;
        letters.push_back(std::move(letter));
    }
}

void publish(natsConnection* connection, const Letter& letter) {
    natsMsg* made = nullptr;
    check(natsMsg_Create(&made, letter.subject.c_str(), letter.reply.empty() ? nullptr : letter.reply.c_str(),
                         letter.payload.data(), static_cast<int>(letter.payload.size())),
          "a message");
    const Message message{made};
    for (const auto& [name, values] : letter.headers)
        for (const auto& value : values)
            check(natsMsgHeader_Add(made, name.c_str(), value.c_str()), "a header");
    check(natsConnection_PublishMsg(connection, made), "publishing");
}

void play(const Session& session, const std::string& url, Outcome& outcome) {
    const auto connection = connect(url);
    std::vector<Subscription> subscriptions;
    for (const auto& pattern : session.subscriptions)
        subscriptions.push_back(subscribe(connection.get(), pattern));
    check(natsConnection_Flush(connection.get()), "subscribing");
    for (const auto& subscription : subscriptions)
        outcome.received.push_back(receive(subscription.get()));
    for (const auto& letter : session.published)
        publish(connection.get(), letter);
    check(natsConnection_Flush(connection.get()), "flushing");
}

} // namespace

Outcome play_libnats(const Session& session) {
    Outcome outcome;
    SessionServer server{session};
    play(session, server.url(), outcome);
    outcome.sent = server.finish();
    return outcome;
}

} // namespace fluxmq::test
