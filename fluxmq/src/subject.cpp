// SPDX-License-Identifier: MIT
#include <fluxmq/subject.hpp>

#include <fluxmq/error.hpp>

#include <algorithm>
#include <array>

namespace fluxmq {

namespace {

enum class Wildcards { allowed, refused };

// Cuts the first token off `rest`; whether there is a further one is told by `rest` being non-null.
std::string_view next_token(std::string_view& rest) noexcept {
    const auto dot = rest.find('.');
    const auto token = rest.substr(0, dot);
    rest = dot == std::string_view::npos ? std::string_view{} : rest.substr(dot + 1);
    return token;
}

std::string problem(std::string_view subject, Wildcards wildcards) {
    if (subject.empty())
        return "it is empty";
    if (subject.size() > max_subject_size)
        return "it has " + std::to_string(subject.size()) + " bytes, more than " +
               std::to_string(max_subject_size);
    for (std::size_t i = 0; i < subject.size(); ++i) {
        const auto c = static_cast<unsigned char>(subject[i]);
        if (c == ' ')
            return "it has a space at byte " + std::to_string(i);
        if (c < 0x20 || c == 0x7f)
            return "it has a control character at byte " + std::to_string(i);
    }
    for (std::string_view rest = subject; rest.data();) {
        const auto token = next_token(rest);
        if (token.empty())
            return "it has an empty token (a dot at its start or end, or two in a row)";
        if (token == "*" || token == ">") {
            if (wildcards == Wildcards::refused)
                return "it has the wildcard '" + std::string{token} + "', which only a subscription may have";
            if (token == ">" && rest.data())
                return "'>' is not its last token";
        }
    }
    return {};
}

enum ByteClass : unsigned char { plain = 0, odd = 1, dot = 2 };

constexpr auto byte_classes = [] {
    std::array<unsigned char, 256> classes{};
    for (std::size_t c = 0; c <= ' '; ++c)
        classes[c] = odd;
    for (const unsigned char c : {'*', '>', '\x7f'})
        classes[c] = odd;
    classes['.'] = dot;
    return classes;
}();

// Everything valid in one pass and without a branch per byte: publish() checks every message's topic.
bool plainly_valid(std::string_view subject) noexcept {
    if (subject.empty() || subject.size() > max_subject_size)
        return false;
    unsigned previous = dot;
    unsigned wrong = 0;
    for (const char byte : subject) {
        const unsigned current = byte_classes[static_cast<unsigned char>(byte)];
        wrong |= (current & odd) | (current & previous);
        previous = current;
    }
    return (wrong | (previous & dot)) == 0;
}

[[noreturn]] void refuse(std::string_view subject, const std::string& why) {
    std::string shown{subject.substr(0, 80)};
    std::replace_if(shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, '?');
    throw Error{errc::invalid_topic, "'" + shown + "': " + why};
}

} // namespace

std::string publish_problem(std::string_view subject) { return problem(subject, Wildcards::refused); }

std::string subscribe_problem(std::string_view pattern) { return problem(pattern, Wildcards::allowed); }

void check_publish(std::string_view subject) {
    if (plainly_valid(subject))
        return;
    if (const auto why = publish_problem(subject); !why.empty())
        refuse(subject, why);
}

void check_subscribe(std::string_view pattern) {
    if (const auto why = subscribe_problem(pattern); !why.empty())
        refuse(pattern, why);
}

bool matches(std::string_view pattern, std::string_view subject) noexcept {
    while (pattern.data() && subject.data()) {
        const auto wanted = next_token(pattern);
        if (wanted == ">")
            return true;
        const auto token = next_token(subject);
        if (wanted != "*" && wanted != token)
            return false;
    }
    return !pattern.data() && !subject.data();
}

bool has_wildcard(std::string_view pattern) noexcept {
    while (pattern.data()) {
        const auto token = next_token(pattern);
        if (token == "*" || token == ">")
            return true;
    }
    return false;
}

} // namespace fluxmq
