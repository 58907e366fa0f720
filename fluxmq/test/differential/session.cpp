// SPDX-License-Identifier: MIT
#include "session.hpp"

#include <algorithm>
#include <array>
#include <ostream>
#include <random>

namespace fluxmq::test {

namespace {

class Generator {
public:
    explicit Generator(std::uint64_t seed) : random_{seed} {}

    std::size_t below(std::size_t limit) { return static_cast<std::size_t>(random_() % limit); }
    bool one_in(std::size_t count) { return below(count) == 0; }

    std::string made_of(std::string_view characters, std::size_t size) {
        std::string text(size, ' ');
        std::generate(text.begin(), text.end(), [&] { return characters[below(characters.size())]; });
        return text;
    }
    std::string token() {
        constexpr std::string_view characters = "abcXYZ019-_$#/\xc3\xa4";
        return made_of(characters, 1 + below(8));
    }

    /// A subject that `pattern` covers.
    std::string subject(std::string_view pattern) {
        std::string subject;
        for (const char c : pattern)
            if (c == '*')
                subject += token();
            else if (c == '>')
                subject += one_in(2) ? token() : token() + '.' + token();
            else
                subject += c;
        return subject;
    }

    std::string payload() {
        const auto size = one_in(8)    ? 0
                          : one_in(30) ? 33'000 + below(40'000) // more than the read buffer of either
                          : one_in(3)  ? below(4096)
                                       : below(40);
        std::string payload;
        if (one_in(3)) { // what looks like the protocol
            constexpr std::array<std::string_view, 5> lines{"\r\n", "MSG a 1 2\r\n", "PING\r\n",
                                                            "NATS/1.0\r\n", "-ERR 'x'\r\n"};
            while (payload.size() < size)
                payload += lines[below(lines.size())];
            payload.resize(size);
            return payload;
        }
        payload.resize(size);
        std::generate(payload.begin(), payload.end(), [&] { return static_cast<char>(below(256)); });
        return payload;
    }

    /// Without white space at its ends, which each client treats in a way of its own, and never empty: libnats
    /// 3.4 takes the line that follows an empty value for its value.
    std::string value() {
        constexpr std::string_view inner = "abc: ,;=\"'\\\t{}[]\x01\x7f\xc3\xbc\xff";
        return 'v' + made_of(inner, below(30)) + made_of(":;\xff.", 1);
    }

    std::map<std::string, std::vector<std::string>> headers() {
        std::map<std::string, std::vector<std::string>> headers;
        for (auto count = below(4); count > 0; --count) {
            constexpr std::string_view names = "abAB01!#$%&'*+-.^_`|~\"(),/<>?@[]{}";
            // Of other lengths, libnats 3.4 takes names for one that begin with the same characters.
            auto& values = headers[made_of(names, 4 + below(2))];
            for (auto repeated = 1 + below(one_in(3) ? 3 : 1); repeated > 0; --repeated)
                values.push_back(value());
        }
        return headers;
    }

    Letter letter(std::string_view pattern) {
        Letter letter{.subject = subject(pattern), .payload = payload()};
        if (one_in(2))
            letter.reply = "_INBOX." + token() + '.' + token();
        if (one_in(2))
            letter.headers = headers();
        return letter;
    }

    /// An operation in capitals as a rule; the protocol takes any case.
    std::string operation(std::string name) {
        if (one_in(10))
            std::transform(name.begin(), name.end(), name.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
        return name;
    }
    /// Between two arguments.
    std::string blank() { return one_in(10) ? " \t " : " "; }

    /// In which white space before a value is not a part of it.
    std::string block(const Letter& letter) {
        std::string block = "NATS/1.0";
        if (letter.status != 0)
            block += ' ' + std::to_string(letter.status) + (letter.status_text.empty() ? "" : " ") +
                     letter.status_text;
        block += "\r\n";
        for (const auto& [name, values] : letter.headers)
            for (const auto& value : values)
                block += name + (one_in(5) ? ":" : one_in(5) ? ": \t " : ": ") + value + "\r\n";
        return block + "\r\n";
    }

    Step step(const Letter& letter, std::size_t subscription) {
        const bool with_headers = !letter.headers.empty() || letter.status != 0 || one_in(10);
        const auto headers = with_headers ? block(letter) : "";
        Step step{.head = operation(with_headers ? "HMSG" : "MSG") + blank() + letter.subject + blank(),
                  .subscription = subscription};
        step.tail = blank() + (letter.reply.empty() ? "" : letter.reply + blank());
        if (with_headers)
            step.tail += std::to_string(headers.size()) + blank();
        step.tail += std::to_string(headers.size() + letter.payload.size()) + "\r\n" + headers +
                     letter.payload + "\r\n";
        return step;
    }

private:
    std::mt19937_64 random_;
};

constexpr std::array<std::string_view, 6> patterns{"plain", "a.*", "b.>", "*.c.*", "to.ken", ">"};

void add_letter(Session& session, Generator& generate) {
    const auto subscription = generate.below(session.subscriptions.size());
    auto letter = generate.letter(session.subscriptions[subscription].subject);
    if (generate.one_in(10)) {
        constexpr std::array statuses{100, 404, 408, 409};
        letter.status = statuses[generate.below(statuses.size())];
        if (generate.one_in(2))
            letter.status_text = "Some Description";
    }
    session.stream.push_back(generate.step(letter, subscription));
    session.letters[subscription].push_back(std::move(letter));
}

} // namespace

std::ostream& operator<<(std::ostream& out, const Letter& letter) {
    out << letter.subject << " reply '" << letter.reply << "' status " << letter.status << " '"
        << letter.status_text << "', " << letter.payload.size() << " bytes";
    for (const auto& [name, values] : letter.headers)
        for (const auto& value : values)
            out << "\n    " << name << ": '" << value << "'";
    return out;
}

Session make_session(std::uint64_t seed) {
    Generator generate{seed};
    Session session{.seed = seed};
    const auto first = generate.below(patterns.size());
    for (auto count = 1 + generate.below(4); count > 0; --count)
        session.subscriptions.push_back({std::string{patterns[(first + count) % patterns.size()]},
                                         generate.one_in(3) ? generate.token() : ""});
    session.letters.resize(session.subscriptions.size());
    for (auto count = generate.below(40); count > 0; --count)
        switch (generate.below(12)) {
        case 0:
            session.stream.push_back({generate.operation("PING") + "\r\n"});
            ++session.pings;
            break;
        case 1: session.stream.push_back({generate.operation("+OK") + "\r\n"}); break;
        case 2:
            session.stream.push_back(
                {generate.operation("INFO") +
                 R"( {"server_id":"S","headers":true,"max_payload":1048576,"connect_urls":[]})" + "\r\n"});
            break;
        default: add_letter(session, generate); break;
        }
    for (std::size_t i = 0; i < session.subscriptions.size(); ++i)
        session.stream.push_back(generate.step(
            {.subject = generate.subject(session.subscriptions[i].subject), .payload = std::string{end_mark}},
            i));
    for (auto count = generate.below(15); count > 0; --count)
        session.published.push_back(generate.letter(patterns[generate.below(patterns.size())]));
    return session;
}

std::vector<std::string> pieces(const Session& session, const std::vector<std::string>& ids) {
    std::string bytes;
    for (const auto& step : session.stream)
        bytes += step.subscription == Step::no_message ? step.head
                                                       : step.head + ids.at(step.subscription) + step.tail;
    Generator generate{session.seed + 1};
    // From a few bytes at a time to all at once.
    const auto longest = std::size_t{1} << (3 + generate.below(14));
    std::vector<std::string> pieces;
    for (std::size_t begin = 0; begin < bytes.size();) {
        const auto size = 1 + generate.below(std::max(longest, bytes.size() / 200));
        pieces.push_back(bytes.substr(begin, size));
        begin += size;
    }
    return pieces;
}

} // namespace fluxmq::test
