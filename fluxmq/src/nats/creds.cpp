// SPDX-License-Identifier: MIT
#include "creds.hpp"

#include <fluxmq/error.hpp>

#include "text.hpp"

#include <boost/json/parse.hpp>

#include <cerrno>
#include <fstream>
#include <system_error>

namespace fluxmq::nats {

namespace {

std::string_view trimmed_line(std::string_view& text) noexcept { return trim(next_line(text), " \t\r"); }

// The first line of the block whose opening line names `title`; empty when there is none.
std::string_view block(std::string_view text, std::string_view title) noexcept {
    while (!text.empty()) {
        const auto line = trimmed_line(text);
        if (!line.starts_with("---") || line.find("BEGIN") == std::string_view::npos ||
            line.find(title) == std::string_view::npos)
            continue;
        while (!text.empty())
            if (const auto content = trimmed_line(text); !content.empty())
                return content.starts_with("---") ? std::string_view{} : content;
    }
    return {};
}

int base64url_digit(char c) noexcept {
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

// Nothing for text that is not base64url.
std::optional<std::string> base64url_decode(std::string_view text) {
    std::string decoded;
    unsigned bits = 0;
    unsigned count = 0;
    for (const char c : text) {
        const int digit = base64url_digit(c);
        if (digit < 0)
            return std::nullopt;
        bits = (bits << 6) | static_cast<unsigned>(digit);
        count += 6;
        if (count >= 8) {
            count -= 8;
            decoded += static_cast<char>((bits >> count) & 0xff);
        }
    }
    return decoded;
}

} // namespace

Creds parse_creds(std::string_view text) {
    const Creds creds{block(text, "JWT"), block(text, "NKEY SEED")};
    if (creds.jwt.empty())
        throw Error{errc::authorization_failed, "it has no block '-----BEGIN NATS USER JWT-----'"};
    if (creds.seed.empty())
        throw Error{errc::authorization_failed, "it has no block '-----BEGIN USER NKEY SEED-----'"};
    return creds;
}

std::string_view parse_nkey_file(std::string_view text) {
    if (const auto seed = block(text, "NKEY SEED"); !seed.empty())
        return seed;
    while (!text.empty())
        if (const auto line = trimmed_line(text); line.starts_with('S'))
            return line;
    throw Error{errc::authorization_failed, "it has no line with an nkey seed, which begins with 'SU'"};
}

std::optional<std::chrono::system_clock::time_point> jwt_expiry(std::string_view jwt) {
    const auto first = jwt.find('.');
    const auto second = jwt.find('.', first == std::string_view::npos ? first : first + 1);
    if (second == std::string_view::npos)
        return std::nullopt;
    const auto claims = base64url_decode(jwt.substr(first + 1, second - first - 1));
    if (!claims)
        return std::nullopt;
    boost::system::error_code failed;
    const auto value = boost::json::parse(*claims, failed);
    if (failed || !value.is_object())
        return std::nullopt;
    const auto* expiry = value.get_object().if_contains("exp");
    using std::chrono::system_clock;
    constexpr auto latest = std::chrono::floor<std::chrono::seconds>(system_clock::duration::max()).count();
    if (!expiry || !expiry->is_int64() || expiry->get_int64() <= 0 || expiry->get_int64() > latest)
        return std::nullopt;
    return std::chrono::system_clock::time_point{std::chrono::seconds{expiry->get_int64()}};
}

Secret read_secret_file(const std::string& path) {
    constexpr std::size_t largest = std::size_t{1} << 20;
    errno = 0;
    std::ifstream file;
    file.rdbuf()->pubsetbuf(nullptr, 0); // a buffer of its own would keep a copy
    file.open(path, std::ios::binary);
    Secret content;
    std::string part(4096, '\0');
    std::size_t size = 0;
    while (file && size <= largest) {
        file.read(part.data(), static_cast<std::streamsize>(part.size()));
        const auto count = static_cast<std::size_t>(file.gcount());
        content.append(std::string_view{part}.substr(0, count));
        size += count;
    }
    wipe(part);
    if (!file.eof())
        throw Error{
            errc::authorization_failed,
            "the file '" + path + "' cannot be read: " +
                (size > largest ? "it is too large" : std::generic_category().message(errno ? errno : EIO))};
    return content;
}

} // namespace fluxmq::nats
