// SPDX-License-Identifier: MIT
// Random valid sessions, through our client and through libnats: both give the messages that the server sent, and
// write what was published in frames that mean the same.
//
// What is known to differ is not in the sessions, or is evened out by how both are read:
// - White space around a header's value: before it, no client takes it for a part of it (ADR-4). Behind it, ours and
//   nats.go keep it, libnats does not.
// - An empty value: libnats 3.4 takes the next line for it.
// - White space of C in front of a value (a form feed, say): a part of it for ours and nats.go, not for libnats.
// - A zero byte ends a header's value in libnats, which has C strings. So it does in a subject.
// - Names of headers with 2, 3, 6 or 7 characters: libnats 3.4 knows a name by a hash of only some of them, so it
//   takes "a!!" for "a".
// - The status of a header block is Message::status() and status_text() here, and headers "Status" and "Description"
//   in libnats.
#include "clients.hpp"

#include <gmock/gmock.h>
#include <nats/nats.h>

#include <algorithm>
#include <cstdlib>

namespace fluxmq::test {
namespace {

constexpr std::uint64_t sessions = 200;

// The first letter that differs says more than all of them.
void expect_same(const std::vector<Letter>& letters, const std::vector<Letter>& expected, const char* what) {
    EXPECT_EQ(letters.size(), expected.size()) << what;
    for (std::size_t i = 0; i < std::min(letters.size(), expected.size()); ++i)
        ASSERT_EQ(letters[i], expected[i]) << what << ", letter " << i;
}

void compare(const Outcome& outcome, const Session& session, const char* client) {
    SCOPED_TRACE(client);
    ASSERT_EQ(outcome.received.size(), session.letters.size());
    for (std::size_t i = 0; i < session.letters.size(); ++i)
        expect_same(outcome.received[i], session.letters[i], "received");
    expect_same(outcome.sent.published, session.published, "published");
    EXPECT_TRUE(outcome.sent.subscribed == session.subscriptions);
    EXPECT_EQ(outcome.sent.pongs, session.pings);
}

void play_both(const Session& session) {
    compare(play_ours(session), session, "ours");
    compare(play_libnats(session), session, "libnats");
}

TEST(NatsDifferential, random_sessions_are_the_same_through_libnats) {
    // FLUXMQ_SEED plays one session again.
    const auto* chosen = std::getenv("FLUXMQ_SEED");
    const auto first = chosen ? std::strtoull(chosen, nullptr, 10) : 1;
    const auto last = chosen ? first : sessions;
    std::size_t messages = 0;
    for (auto seed = first; seed <= last; ++seed) {
        SCOPED_TRACE("again with the environment variable FLUXMQ_SEED=" + std::to_string(seed));
        const auto session = make_session(seed);
        for (const auto& letters : session.letters)
            messages += letters.size();
        ASSERT_NO_THROW(play_both(session));
        if (HasFailure())
            return;
    }
    RecordProperty("messages", std::to_string(messages));
    EXPECT_TRUE(chosen || messages > 5 * sessions) << "sessions are about messages";
    nats_Close();
}

} // namespace
} // namespace fluxmq::test
