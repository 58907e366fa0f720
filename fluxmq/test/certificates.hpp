// SPDX-License-Identifier: MIT
// Certificates that tests of TLS need, the bad ones too, made on the spot.
#pragma once

#include <filesystem>
#include <memory>
#include <string>

namespace fluxmq::test {

/// A folder that goes with its object.
class TemporaryFolder {
public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::string path(const std::string& name) const { return (folder_ / name).string(); }
    /// The file's path.
    std::string write(const std::string& name, const std::string& content) const;

private:
    std::filesystem::path folder_;
};

/// A certificate and its key, in PEM files.
struct CertificateFiles {
    std::string certificate;
    std::string key;
};

struct CertificateRequest {
    std::string file;           ///< without an extension
    std::string names = {};     ///< as in subjectAltName: "DNS:localhost,IP:127.0.0.1"
    bool expired = false;       ///< yesterday
    bool encrypted_key = false; ///< with a pass phrase that nobody knows
};

/// Issues certificates into a folder.
class Authority {
public:
    explicit Authority(const TemporaryFolder& folder, const std::string& file = "ca");
    ~Authority();

    /// The file with its own certificate.
    const std::string& certificate() const noexcept { return certificate_; }
    CertificateFiles issue(const CertificateRequest& request) const;

private:
    struct Pair;
    const TemporaryFolder& folder_;
    std::string certificate_;
    std::unique_ptr<Pair> pair_;
};

} // namespace fluxmq::test
