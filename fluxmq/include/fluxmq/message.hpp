// SPDX-License-Identifier: MIT
#pragma once

#include <fluxmq/bytes.hpp>
#include <fluxmq/headers.hpp>
#include <fluxmq/json.hpp>

#include <boost/json/monotonic_resource.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace fluxmq {

/// One received message: a cheap value whose parts share their storage.
///
/// Thread safety: that of a value; copies may be used on other threads.
class Message {
public:
    Message() = default;
    Message(Bytes topic, Bytes payload, Bytes reply = {}, std::shared_ptr<const Headers> headers = nullptr)
        : payload_{std::move(payload)}, topic_{std::move(topic)} {
        if (!reply.empty() || headers)
            extras_ = std::make_shared<const Extras>(std::move(reply), std::move(headers));
    }

    /// A message whose topic and reply topic lie in the storage of its payload, as in a transport's read buffer: the
    /// payload's reference keeps all of it alive, so that a copy counts one reference and not three.
    static Message in_one(Bytes payload, std::string_view topic, std::string_view reply = {},
                          std::shared_ptr<const Headers> headers = nullptr) {
        return {Bytes::unowned(topic), std::move(payload), Bytes::unowned(reply), std::move(headers)};
    }

    /// The topic it was published on.
    std::string_view topic() const noexcept { return topic_.view(); }

    /// The body, byte for byte.
    const Bytes& payload() const noexcept { return payload_; }

    /// The body as text. It is not checked to be UTF-8.
    std::string_view text() const noexcept { return payload_.view(); }

    /// The body parsed as JSON, anew at each call. Throws Error{malformed_json} that names the topic and the
    /// place.
    boost::json::value json() const;

    /// The body as JSON converted to a T, see from_json(). Throws Error{malformed_json} or Error{wrong_type}
    /// that name the topic and the field.
    template <class T>
    T as() const {
        try {
            if constexpr (detail::keeps_no_json<T>()) {
                unsigned char place[2048]; // of a value that is gone when this returns
                boost::json::monotonic_resource memory{place, sizeof place};
                return from_json<T>(parse_json(text(), payload_name, &memory));
            } else {
                return from_json<T>(parse_json(text(), payload_name));
            }
        } catch (const Error& error) {
            rethrow_with_topic(error);
        }
    }

    /// The topic to answer on; empty when no answer is asked for.
    std::string_view reply() const noexcept { return extras_ ? extras_->reply.view() : std::string_view{}; }

    const Headers& headers() const noexcept;
    /// The headers for sharing with another message; null when there are none.
    std::shared_ptr<const Headers> shared_headers() const noexcept {
        return extras_ ? extras_->headers : nullptr;
    }

    /// The status that its status line has: 0 for an ordinary message, 503 for the broker's "no responders" (see
    /// is_no_responders()). A message with a status may have a payload and headers like any other.
    std::uint16_t status() const noexcept { return extras_ ? extras_->status : std::uint16_t{0}; }
    /// What the status line says behind the number, "Consumer Deleted" say; often empty. For people and logs: code
    /// decides by the number.
    std::string_view status_text() const noexcept {
        return extras_ ? std::string_view{extras_->status_text} : std::string_view{};
    }
    /// For transports. `text` is copied.
    void set_status(std::uint16_t status, std::string_view text = {});

    /// The alias of the node input that it came in by; empty outside a node.
    std::string_view input() const noexcept { return input_ ? *input_ : std::string_view{}; }
    /// `alias` must live as long as this message and all its copies; null is for none.
    void set_input(const std::string* alias) noexcept { input_ = alias; }

private:
    static constexpr std::string_view payload_name = "payload"; // in errors

    [[noreturn]] void rethrow_with_topic(const Error& error) const;

    // What most messages do not have: a message is moved several times on its way.
    struct Extras {
        Extras(Bytes r, std::shared_ptr<const Headers> h) : reply{std::move(r)}, headers{std::move(h)} {}

        Bytes reply;
        std::shared_ptr<const Headers> headers;
        std::uint16_t status = 0;
        std::string status_text;
    };

    Bytes payload_;
    Bytes topic_;
    const std::string* input_ = nullptr;
    std::shared_ptr<const Extras> extras_;
};

} // namespace fluxmq
