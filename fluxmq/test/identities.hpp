// SPDX-License-Identifier: MIT
// The operators, accounts and users of a NATS server with JWTs, made on the spot. Source: ADR-14,
// github.com/nats-io/nkeys and github.com/nats-io/jwt.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace fluxmq::test {

/// A key pair of NATS.
class Nkey {
public:
    enum class Kind : std::uint8_t { account = 0, operators = 14 << 3, user = 20 << 3 };

    explicit Nkey(Kind kind);
    ~Nkey();

    const std::string& seed() const noexcept { return seed_; }             ///< "SU...", secret
    const std::string& public_key() const noexcept { return public_key_; } ///< "U..."
    /// In base64url.
    std::string sign(std::string_view text) const;

private:
    struct Pair;
    std::unique_ptr<Pair> pair_;
    std::string seed_;
    std::string public_key_;
};

/// An operator with one account, whose users a server lets in.
class Operator {
public:
    Operator();

    /// The lines that make a server trust it.
    std::string server_config() const;
    /// A user's JWT; `expires_in` seconds from now, 0: never.
    std::string user_jwt(const Nkey& user, long expires_in = 0) const;

private:
    Nkey operator_{Nkey::Kind::operators};
    Nkey account_{Nkey::Kind::account};
};

/// The text of a `.creds` file.
std::string creds_text(const std::string& jwt, const std::string& seed);

} // namespace fluxmq::test
