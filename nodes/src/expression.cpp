// SPDX-License-Identifier: MIT
#include "expression.hpp"

#include <fluxmq/error.hpp>

#include <charconv>
#include <optional>
#include <utility>

namespace flux_stock {

namespace json = boost::json;

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
// Bytes of UTF-8 beyond ASCII are letters.
bool begins_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' ||
           static_cast<unsigned char>(c) >= 0x80;
}
bool continues_name(char c) { return begins_name(c) || is_digit(c); }

} // namespace

/// Recursive descent; writes the steps in the order in which they are carried out.
class ExpressionParser {
public:
    ExpressionParser(std::string_view text, std::vector<Expression::Step>& steps)
        : text_{text}, steps_{steps} {}

    void parse() {
        if (text_.size() > Expression::max_length)
            refuse("the expression has " + std::to_string(text_.size()) + " characters, at most " +
                   std::to_string(Expression::max_length) + " are allowed");
        either();
        if (skip_space(); at_ < text_.size())
            expected("an operator or the end");
    }

private:
    using Code = Expression::Code;

    [[noreturn]] void refuse(const std::string& what) const {
        throw fluxmq::Error{fluxmq::errc::invalid_settings, what};
    }
    [[noreturn]] void expected(const std::string& what) const {
        auto found = at_ < text_.size() ? "'" + std::string{next_word()} + "'" : std::string{"the end"};
        refuse("column " + std::to_string(at_ + 1) + ": expected " + what + ", found " + found);
    }
    // What stands at this place, as far as a message shows it.
    std::string_view next_word() const {
        std::size_t length = 1;
        if (continues_name(text_[at_]))
            while (at_ + length < text_.size() && length < 32 && continues_name(text_[at_ + length]))
                ++length;
        return text_.substr(at_, length);
    }

    void skip_space() {
        while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n'))
            ++at_;
    }
    bool take(std::string_view symbol) {
        skip_space();
        if (!text_.substr(at_).starts_with(symbol))
            return false;
        at_ += symbol.size();
        return true;
    }
    bool take_word(std::string_view word) {
        skip_space();
        const auto after = at_ + word.size();
        if (!text_.substr(at_).starts_with(word) || (after < text_.size() && continues_name(text_[after])))
            return false;
        at_ = after;
        return true;
    }
    void emit(Code code) { steps_.push_back({.code = code}); }
    void emit(json::value constant) {
        steps_.push_back({.code = Code::constant, .constant = std::move(constant)});
    }

    // Whatever calls itself goes through here.
    template <class Inner>
    void deeper(Inner inner) {
        if (++depth_ > Expression::max_depth)
            refuse("column " + std::to_string(at_ + 1) + ": more than " +
                   std::to_string(Expression::max_depth) + " levels within one another");
        inner();
        --depth_;
    }

    void either() {
        both();
        while (take_word("or")) {
            both();
            emit(Code::either);
        }
    }
    void both() {
        condition();
        while (take_word("and")) {
            condition();
            emit(Code::both);
        }
    }
    void condition() {
        if (!take_word("not")) {
            comparison();
            return;
        }
        deeper([this] { condition(); });
        emit(Code::negate);
    }
    std::optional<Code> comparison_sign() {
        // the longer ones first
        static constexpr std::pair<std::string_view, Code> signs[] = {
            {"==", Code::equal},    {"!=", Code::unequal}, {"<=", Code::at_most},
            {">=", Code::at_least}, {"<", Code::less},     {">", Code::greater}};
        for (const auto& [sign, code] : signs)
            if (take(sign))
                return code;
        if (skip_space(); at_ < text_.size() && text_[at_] == '=')
            expected("'=='");
        return std::nullopt;
    }
    void comparison() {
        sum();
        if (const auto code = comparison_sign()) {
            sum();
            emit(*code);
        }
    }
    void sum() {
        product();
        for (;;) {
            const auto code = take("+") ? Code::add : take("-") ? Code::subtract : Code::constant;
            if (code == Code::constant)
                return;
            product();
            emit(code);
        }
    }
    void product() {
        signed_value();
        for (;;) {
            const auto code = take("*") ? Code::multiply : take("/") ? Code::divide : Code::constant;
            if (code == Code::constant)
                return;
            signed_value();
            emit(code);
        }
    }
    void signed_value() {
        if (!take("-")) {
            value();
            return;
        }
        deeper([this] { signed_value(); });
        emit(Code::minus);
    }
    void value() {
        skip_space();
        const char c = at_ < text_.size() ? text_[at_] : '\0';
        if (take("(")) {
            deeper([this] { either(); });
            if (!take(")"))
                expected("')'");
        } else if (c == '\'' || c == '"') {
            emit(json::value(quoted(c)));
        } else if (is_digit(c)) {
            number();
        } else if (take_word("true")) {
            emit(json::value(true));
        } else if (take_word("false")) {
            emit(json::value(false));
        } else if (take_word("null")) {
            emit(json::value(nullptr));
        } else if (begins_name(c) && !is_operator()) {
            field();
        } else {
            expected("a field, a number, a text or '('");
        }
    }
    bool is_operator() {
        const auto begin = at_;
        const bool found = take_word("and") || take_word("or") || take_word("not");
        at_ = begin;
        return found;
    }
    void field() {
        std::vector<std::string> path;
        while (true) {
            const auto begin = at_;
            while (at_ < text_.size() && continues_name(text_[at_]))
                ++at_;
            if (at_ == begin)
                expected("a field name after '.'");
            path.emplace_back(text_.substr(begin, at_ - begin));
            if (at_ == text_.size() || text_[at_] != '.')
                break;
            ++at_;
        }
        steps_.push_back({.code = Code::field, .path = std::move(path)});
    }
    void number() {
        const auto* const begin = text_.data() + at_;
        const auto* const end = text_.data() + text_.size();
        double number = 0;
        const auto [stop, failed] = std::from_chars(begin, end, number);
        std::int64_t whole = 0;
        const auto as_whole = std::from_chars(begin, end, whole);
        const bool is_whole = as_whole.ptr == stop && as_whole.ec == std::errc{};
        if (failed != std::errc{} || (stop != end && (continues_name(*stop) || *stop == '.')))
            expected("a number");
        at_ += static_cast<std::size_t>(stop - begin);
        emit(is_whole ? json::value(whole) : json::value(number));
    }
    std::string quoted(char quote) {
        const auto begin = at_++;
        std::string text;
        for (; at_ < text_.size() && text_[at_] != quote; ++at_) {
            if (text_[at_] != '\\') {
                text += text_[at_];
                continue;
            }
            const char escaped = ++at_ < text_.size() ? text_[at_] : '\0';
            switch (escaped) {
            case 'n': text += '\n'; break;
            case 't': text += '\t'; break;
            case '\\':
            case '\'':
            case '"': text += escaped; break;
            default: expected(R"(one of n t \ ' " after '\')");
            }
        }
        if (at_ == text_.size())
            refuse("column " + std::to_string(begin + 1) + ": the text that begins here has no closing " +
                   quote);
        ++at_;
        return text;
    }

    const std::string_view text_;
    std::vector<Expression::Step>& steps_;
    std::size_t at_ = 0;
    int depth_ = 0;
};

Expression::Expression(std::string_view text) { ExpressionParser{text, steps_}.parse(); }

namespace {

std::optional<double> number_of(const json::value& value) {
    return value.is_number() ? std::optional{value.to_number<double>()} : std::nullopt;
}

// Less than 0, 0, more than 0; nothing where there is no order.
std::optional<int> order(const json::value& left, const json::value& right) {
    const auto compared = [](const auto& a, const auto& b) { return a < b ? -1 : b < a ? 1 : 0; };
    if (left.is_int64() && right.is_int64())
        return compared(left.get_int64(), right.get_int64());
    if (left.is_number() && right.is_number())
        return compared(*number_of(left), *number_of(right));
    if (left.is_string() && right.is_string())
        return left.get_string().compare(right.get_string());
    return std::nullopt;
}

bool equal(const json::value& left, const json::value& right) {
    const auto ordered = order(left, right);
    return ordered ? *ordered == 0 : left == right;
}

} // namespace

bool Expression::is_true(const json::value& value) noexcept {
    return !value.is_null() && !(value.is_bool() && !value.get_bool());
}

json::value Expression::combine(Code code, const json::value& left, const json::value& right) {
    switch (code) {
    case Code::either: return is_true(left) || is_true(right);
    case Code::both: return is_true(left) && is_true(right);
    case Code::equal: return equal(left, right);
    case Code::unequal: return !equal(left, right);
    default: break;
    }
    const auto ordered = order(left, right);
    switch (code) {
    case Code::less: return ordered && *ordered < 0;
    case Code::at_most: return ordered && *ordered <= 0;
    case Code::greater: return ordered && *ordered > 0;
    case Code::at_least: return ordered && *ordered >= 0;
    default: break;
    }
    if (left.is_int64() && right.is_int64() && code != Code::divide) {
        const auto a = left.get_int64();
        const auto b = right.get_int64();
        std::int64_t whole = 0;
        const bool too_large = code == Code::add        ? __builtin_add_overflow(a, b, &whole)
                               : code == Code::subtract ? __builtin_sub_overflow(a, b, &whole)
                                                        : __builtin_mul_overflow(a, b, &whole);
        if (!too_large)
            return whole;
    }
    const auto a = number_of(left);
    const auto b = number_of(right);
    if (!a || !b || (code == Code::divide && *b == 0))
        return nullptr;
    switch (code) {
    case Code::add: return *a + *b;
    case Code::subtract: return *a - *b;
    case Code::multiply: return *a * *b;
    default: return *a / *b;
    }
}

json::value Expression::evaluate(const json::value& root) const {
    std::vector<json::value> stack;
    for (const auto& step : steps_) {
        switch (step.code) {
        case Code::constant: stack.push_back(step.constant); break;
        case Code::field:
            if (const auto* found = find(root, step.path))
                stack.push_back(*found);
            else
                stack.emplace_back(nullptr);
            break;
        case Code::negate: stack.back() = !is_true(stack.back()); break;
        case Code::minus: stack.back() = combine(Code::subtract, json::value(0), stack.back()); break;
        default: {
            const auto right = std::move(stack.back());
            stack.pop_back();
            stack.back() = combine(step.code, stack.back(), right);
        }
        }
    }
    return std::move(stack.back());
}

std::vector<std::string> split_path(std::string_view path) {
    std::vector<std::string> parts;
    for (std::size_t begin = 0; begin <= path.size();) {
        const auto end = std::min(path.find('.', begin), path.size());
        if (end == begin)
            throw fluxmq::Error{fluxmq::errc::invalid_settings,
                                "the path '" + std::string{path} + "' has an empty part"};
        parts.emplace_back(path.substr(begin, end - begin));
        begin = end + 1;
    }
    return parts;
}

const json::value* find(const json::value& root, const std::vector<std::string>& path) noexcept {
    const auto* at = &root;
    for (const auto& part : path) {
        if (const auto* object = at->if_object()) {
            at = object->if_contains(part);
        } else if (const auto* array = at->if_array()) {
            std::size_t index = 0;
            const auto [stop, failed] = std::from_chars(part.data(), part.data() + part.size(), index);
            const bool is_number = failed == std::errc{} && stop == part.data() + part.size();
            at = is_number ? array->if_contains(index) : nullptr;
        } else {
            at = nullptr;
        }
        if (!at)
            return nullptr;
    }
    return at;
}

} // namespace flux_stock
