// SPDX-License-Identifier: MIT
// A random but valid conversation of a server and a client, all of it from one number.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace fluxmq::test {

/// A message as both clients must show or write it.
struct Letter {
    std::string subject = {};
    std::string reply = {};
    std::string payload = {};
    std::map<std::string, std::vector<std::string>> headers = {}; ///< values of one name in their order
    int status = 0;
    std::string status_text = {};

    friend bool operator==(const Letter&, const Letter&) = default;
    friend std::ostream& operator<<(std::ostream& out, const Letter& letter);
};

struct Pattern {
    std::string subject = {};
    std::string queue = {};
    friend bool operator==(const Pattern&, const Pattern&) = default;
};

/// What the server sends in one piece of the protocol: `head`, for a message the id that the client gave to its
/// subscription, and `tail`.
struct Step {
    static constexpr std::size_t no_message = SIZE_MAX;
    std::string head = {};
    std::size_t subscription = no_message;
    std::string tail = {};
};

struct Session {
    std::uint64_t seed = 0;
    std::vector<Pattern> subscriptions = {};
    std::vector<Step> stream = {}; ///< sent when all is subscribed; the last message of each has end_mark
    std::size_t pings = 0;         ///< in the stream
    std::vector<std::vector<Letter>> letters = {}; ///< in the stream, by subscription, without the last
    std::vector<Letter> published = {};            ///< by the client
};

inline constexpr std::string_view end_mark = "the end of this subscription";

Session make_session(std::uint64_t seed);

/// The stream for a client that gave these ids to its subscriptions, cut at random places.
std::vector<std::string> pieces(const Session& session, const std::vector<std::string>& ids);

} // namespace fluxmq::test
