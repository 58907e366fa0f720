// SPDX-License-Identifier: MIT
#include "identities.hpp"

#include <boost/json.hpp>
#include <openssl/evp.h>

#include <chrono>
#include <stdexcept>
#include <vector>

namespace fluxmq::test {

namespace json = boost::json;

namespace {

void check(bool good, const char* what) {
    if (!good)
        throw std::runtime_error{std::string{"OpenSSL: "} + what};
}

std::string encode(std::string_view bytes, std::string_view alphabet, int bits_each) {
    std::string text;
    unsigned long bits = 0;
    int count = 0;
    for (const char byte : bytes) {
        bits = (bits << 8) | static_cast<unsigned char>(byte);
        for (count += 8; count >= bits_each; count -= bits_each)
            text += alphabet[(bits >> (count - bits_each)) & ((1u << bits_each) - 1)];
    }
    if (count > 0)
        text += alphabet[(bits << (bits_each - count)) & ((1u << bits_each) - 1)];
    return text;
}

std::string base64url(std::string_view bytes) {
    return encode(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6);
}

// With its CRC-16/XMODEM behind it, in base32.
std::string nkey_text(std::string bytes) {
    unsigned crc = 0;
    for (const char byte : bytes)
        for (int bit = 7; bit >= 0; --bit) {
            const bool top = (crc >> 15) & 1;
            const bool next = (static_cast<unsigned char>(byte) >> bit) & 1;
            crc = ((crc << 1) & 0xffff) ^ (top != next ? 0x1021 : 0);
        }
    bytes += static_cast<char>(crc & 0xff);
    bytes += static_cast<char>(crc >> 8);
    return encode(bytes, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 5);
}

long seconds_now() {
    using namespace std::chrono;
    return duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
}

std::string jwt(const Nkey& issuer, const Nkey& subject, const std::string& name, json::object nats,
                long expires_in = 0) {
    nats["version"] = 2;
    json::object claims{{"jti", name},  {"iat", seconds_now()},        {"iss", issuer.public_key()},
                        {"name", name}, {"sub", subject.public_key()}, {"nats", std::move(nats)}};
    if (expires_in != 0)
        claims["exp"] = seconds_now() + expires_in;
    const auto signed_part =
        base64url(R"({"typ":"JWT","alg":"ed25519-nkey"})") + '.' + base64url(json::serialize(claims));
    return signed_part + '.' + issuer.sign(signed_part);
}

} // namespace

struct Nkey::Pair {
    std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key{EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"),
                                                       EVP_PKEY_free};
};

Nkey::Nkey(Kind kind) : pair_{std::make_unique<Pair>()} {
    std::string secret(32, '\0');
    std::string open(32, '\0');
    auto size = secret.size();
    const auto bytes = [](std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); };
    check(EVP_PKEY_get_raw_private_key(pair_->key.get(), bytes(secret), &size) == 1, "no private key");
    check(EVP_PKEY_get_raw_public_key(pair_->key.get(), bytes(open), &size) == 1, "no public key");
    const auto prefix = static_cast<unsigned>(kind);
    constexpr unsigned seed_prefix = 18 << 3;
    seed_ = nkey_text(
        std::string{static_cast<char>(seed_prefix | (prefix >> 5)), static_cast<char>((prefix & 31) << 3)} +
        secret);
    public_key_ = nkey_text(static_cast<char>(prefix) + open);
}

Nkey::~Nkey() = default;

std::string Nkey::sign(std::string_view text) const {
    const std::unique_ptr<EVP_MD_CTX, void (*)(EVP_MD_CTX*)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
    std::string signature(64, '\0');
    auto size = signature.size();
    check(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pair_->key.get()) == 1 &&
              EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                             reinterpret_cast<const unsigned char*>(text.data()), text.size()) == 1,
          "cannot sign");
    return base64url(signature);
}

Operator::Operator() = default;

std::string Operator::server_config() const {
    const json::object no_limits{{"subs", -1},    {"data", -1}, {"payload", -1}, {"imports", -1},
                                 {"exports", -1}, {"conn", -1}, {"leaf", -1},    {"wildcards", true}};
    const json::object account{{"type", "account"}, {"limits", no_limits}};
    return "operator: \"" + jwt(operator_, operator_, "operator", {{"type", "operator"}}) +
           "\"\nresolver: MEMORY\nresolver_preload: { " + account_.public_key() + ": \"" +
           jwt(operator_, account_, "account", account) + "\" }\n";
}

std::string Operator::user_jwt(const Nkey& user, long expires_in) const {
    const json::object claims{
        {"type", "user"}, {"pub", json::object{}}, {"sub", json::object{}}, {"subs", -1},
        {"data", -1},     {"payload", -1}};
    return jwt(account_, user, "user", claims, expires_in);
}

std::string creds_text(const std::string& jwt, const std::string& seed) {
    return "-----BEGIN NATS USER JWT-----\n" + jwt +
           "\n------END NATS USER JWT------\n\n"
           "************************* IMPORTANT *************************\n\n"
           "-----BEGIN USER NKEY SEED-----\n" +
           seed + "\n------END USER NKEY SEED------\n";
}

} // namespace fluxmq::test
