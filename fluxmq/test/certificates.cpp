// SPDX-License-Identifier: MIT
#include "certificates.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace fluxmq::test {

namespace fs = std::filesystem;

namespace {

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

void check(bool good, const char* what) {
    if (!good)
        throw std::runtime_error{std::string{"OpenSSL: "} + what};
}

Owned<EVP_PKEY> make_key() {
    Owned<EVP_PKEY> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
    check(key != nullptr, "no key");
    return key;
}

void add_extension(X509* certificate, X509* issuer, int which, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    const Owned<X509_EXTENSION> extension{X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str()),
                                          X509_EXTENSION_free};
    check(extension && X509_add_ext(certificate, extension.get(), -1) == 1, value.c_str());
}

Owned<X509> make_certificate(EVP_PKEY* key, const std::string& name, long valid_from, long valid_until) {
    Owned<X509> certificate{X509_new(), X509_free};
    static long serial = 0;
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), valid_from);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), valid_until);
    X509_set_pubkey(certificate.get(), key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    return certificate;
}

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

File open(const std::string& path) {
    File file{std::fopen(path.c_str(), "w"), std::fclose};
    check(file != nullptr, path.c_str());
    return file;
}

constexpr long day = 24L * 60 * 60;

} // namespace

TemporaryFolder::TemporaryFolder() {
    std::string pattern = (fs::temp_directory_path() / "fluxmq-test-XXXXXX").string();
    if (!::mkdtemp(pattern.data()))
        throw std::runtime_error{"cannot make " + pattern};
    folder_ = pattern;
}

TemporaryFolder::~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
}

std::string TemporaryFolder::write(const std::string& name, const std::string& content) const {
    std::ofstream file{path(name), std::ios::trunc};
    file << content;
    if (!file.flush())
        throw std::runtime_error{"cannot write " + path(name)};
    return path(name);
}

struct Authority::Pair {
    Owned<EVP_PKEY> key;
    Owned<X509> certificate;
};

Authority::Authority(const TemporaryFolder& folder, const std::string& file)
    : folder_{folder}, certificate_{folder.path(file + ".pem")} {
    auto key = make_key();
    auto certificate = make_certificate(key.get(), file, -day, day);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(certificate.get()));
    add_extension(certificate.get(), certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    check(X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0, "cannot sign");
    check(PEM_write_X509(open(certificate_).get(), certificate.get()) == 1, "cannot write");
    pair_ = std::make_unique<Pair>(Pair{std::move(key), std::move(certificate)});
}

Authority::~Authority() = default;

CertificateFiles Authority::issue(const CertificateRequest& request) const {
    const auto key = make_key();
    const auto certificate = request.expired ? make_certificate(key.get(), request.file, -2 * day, -day)
                                             : make_certificate(key.get(), request.file, -day, day);
    X509_set_issuer_name(certificate.get(), X509_get_subject_name(pair_->certificate.get()));
    if (!request.names.empty())
        add_extension(certificate.get(), pair_->certificate.get(), NID_subject_alt_name, request.names);
    check(X509_sign(certificate.get(), pair_->key.get(), EVP_sha256()) > 0, "cannot sign");

    CertificateFiles files{folder_.path(request.file + ".pem"), folder_.path(request.file + ".key")};
    check(PEM_write_X509(open(files.certificate).get(), certificate.get()) == 1, "cannot write");
    std::string phrase = "nobody knows";
    const auto* cipher = request.encrypted_key ? EVP_aes_256_cbc() : nullptr;
    auto* pass = request.encrypted_key ? reinterpret_cast<unsigned char*>(phrase.data()) : nullptr;
    check(PEM_write_PrivateKey(open(files.key).get(), key.get(), cipher, pass,
                               pass ? static_cast<int>(phrase.size()) : 0, nullptr, nullptr) == 1,
          "cannot write");
    return files;
}

} // namespace fluxmq::test
