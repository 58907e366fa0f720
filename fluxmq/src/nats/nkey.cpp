// SPDX-License-Identifier: MIT
#include "nkey.hpp"

#include <fluxmq/error.hpp>

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace fluxmq::nats {

namespace {

// An encoded key is base32 of: a prefix, 32 bytes of key, and a CRC-16 of all that. The first letter tells the kind.
constexpr std::size_t key_size = 32;
constexpr std::size_t crc_size = 2;
constexpr std::size_t seed_prefix_size = 2;
constexpr std::size_t seed_size = seed_prefix_size + key_size + crc_size;
constexpr std::uint8_t prefix_seed = 18 << 3; // 'S'
constexpr std::uint8_t prefix_user = 20 << 3; // 'U'

constexpr std::string_view base32_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

using Bytes32 = std::array<unsigned char, key_size>;

// Memory that is overwritten when it goes.
template <class T>
struct Wiped : T {
    Wiped() : T{} {}
    ~Wiped() { ::explicit_bzero(this->data(), this->size()); }
    Wiped(const Wiped&) = delete;
    Wiped& operator=(const Wiped&) = delete;
};

[[noreturn]] void refuse(const char* why) {
    throw Error{errc::authorization_failed, std::string{"the nkey seed "} + why};
}

// CRC-16/XMODEM.
std::uint16_t crc16(std::span<const unsigned char> bytes) noexcept {
    unsigned crc = 0;
    for (const auto byte : bytes) {
        crc ^= static_cast<unsigned>(byte) << 8;
        for (int i = 0; i < 8; ++i)
            crc = (crc & 0x8000) ? (crc << 1) ^ 0x1021 : crc << 1;
    }
    return static_cast<std::uint16_t>(crc);
}

std::string base32_encode(std::span<const unsigned char> bytes) {
    std::string text;
    unsigned bits = 0;
    unsigned count = 0;
    for (const auto byte : bytes) {
        bits = (bits << 8) | byte;
        for (count += 8; count >= 5; count -= 5)
            text += base32_alphabet[(bits >> (count - 5)) & 31];
    }
    if (count > 0)
        text += base32_alphabet[(bits << (5 - count)) & 31];
    return text;
}

void base32_decode(std::string_view text, std::span<unsigned char> to) {
    if (text.size() != (to.size() * 8 + 4) / 5)
        refuse("does not have the 58 characters of one");
    unsigned bits = 0;
    unsigned count = 0;
    std::size_t size = 0;
    for (const char c : text) {
        const auto digit = base32_alphabet.find(c);
        if (digit == std::string_view::npos)
            refuse("has a character that base32 does not have");
        bits = (bits << 5) | static_cast<unsigned>(digit);
        count += 5;
        if (count >= 8 && size < to.size()) {
            count -= 8;
            to[size++] = static_cast<unsigned char>(bits >> count);
        }
    }
}

// The Ed25519 key of a user's seed.
void decode_seed(std::string_view seed, Bytes32& key) {
    Wiped<std::array<unsigned char, seed_size>> raw;
    base32_decode(seed, raw);
    const std::span<const unsigned char> all{raw};
    const auto crc = static_cast<std::uint16_t>(raw[seed_size - 2] | (raw[seed_size - 1] << 8));
    if (crc != crc16(all.first(seed_size - crc_size)))
        refuse("is mistyped: its checksum is wrong");
    const auto kind = static_cast<std::uint8_t>(((raw[0] & 7) << 5) | (raw[1] >> 3));
    if ((raw[0] & 0xf8) != prefix_seed || kind != prefix_user)
        refuse("is not that of a user, which begins with 'SU'");
    std::memcpy(key.data(), raw.data() + seed_prefix_size, key_size);
}

using KeyPair = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

KeyPair key_pair(std::string_view seed) {
    Wiped<Bytes32> key;
    decode_seed(seed, key);
    KeyPair pair{EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()),
                 EVP_PKEY_free};
    if (!pair)
        refuse("is not taken by OpenSSL");
    return pair;
}

std::string base64url_encode(std::span<const unsigned char> bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
    const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                     static_cast<int>(bytes.size()));
    text.resize(static_cast<std::size_t>(size));
    text.erase(text.find_last_not_of('=') + 1);
    for (auto& c : text)
        c = c == '+' ? '-' : c == '/' ? '_' : c;
    return text;
}

} // namespace

std::string nkey_public_key(std::string_view seed) {
    const auto pair = key_pair(seed);
    std::array<unsigned char, 1 + key_size + crc_size> raw{prefix_user};
    auto size = key_size;
    if (EVP_PKEY_get_raw_public_key(pair.get(), raw.data() + 1, &size) != 1)
        refuse("is not taken by OpenSSL");
    const auto crc = crc16(std::span<const unsigned char>{raw}.first(1 + key_size));
    raw[1 + key_size] = static_cast<unsigned char>(crc);
    raw[2 + key_size] = static_cast<unsigned char>(crc >> 8);
    return base32_encode(raw);
}

std::string nkey_sign(std::string_view seed, std::string_view nonce) {
    const auto pair = key_pair(seed);
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
    std::array<unsigned char, 64> signature{};
    auto size = signature.size();
    if (!context || EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, pair.get()) != 1 ||
        EVP_DigestSign(context.get(), signature.data(), &size,
                       reinterpret_cast<const unsigned char*>(nonce.data()), nonce.size()) != 1)
        refuse("is not taken by OpenSSL");
    return base64url_encode(signature);
}

} // namespace fluxmq::nats
