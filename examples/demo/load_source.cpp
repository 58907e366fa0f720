// SPDX-License-Identifier: MIT
#include "load_source.hpp"

#include "load_messages.hpp"

#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace demo {

namespace {

std::ifstream open(const char* path) {
    std::ifstream file{path};
    if (!file)
        throw std::runtime_error{std::string{"cannot read "} + path};
    return file;
}

// man 5 proc: "cpu user nice system idle iowait irq softirq steal guest guest_nice"
void read_cpu(Sample& sample) {
    auto file = open("/proc/stat");
    std::string line;
    std::getline(file, line);
    std::istringstream fields{line.substr(line.find(' '))};
    std::uint64_t ticks = 0;
    for (int field = 0; field < 8 && fields >> ticks; ++field) {
        const bool idle = field == 3 || field == 4;
        sample.cpu_all += ticks;
        sample.cpu_busy += idle ? 0 : ticks;
    }
}

void read_memory(Sample& sample) {
    auto file = open("/proc/meminfo");
    std::uint64_t total = 0;
    std::uint64_t available = 0;
    std::string name;
    std::uint64_t kib = 0;
    for (std::string line; std::getline(file, line);) {
        std::istringstream{line} >> name >> kib;
        if (name == "MemTotal:")
            total = kib;
        else if (name == "MemAvailable:")
            available = kib;
    }
    sample.memory_used = (total - available) * 1024;
}

// "  eth0: bytes packets errs drop fifo frame compressed multicast bytes ...": received, then sent
void read_network(Sample& sample) {
    auto file = open("/proc/net/dev");
    for (std::string line; std::getline(file, line);) {
        const auto colon = line.find(':');
        if (colon == std::string::npos || line.find("lo:") != std::string::npos)
            continue;
        std::istringstream fields{line.substr(colon + 1)};
        std::uint64_t number = 0;
        for (int field = 0; field < 9 && fields >> number; ++field) {
            if (field == 0)
                sample.network_in += number;
            if (field == 8)
                sample.network_out += number;
        }
    }
}

} // namespace

fluxlib::Task<> LoadSource::on_tick(const fluxlib::Tick& tick) {
    Sample sample{.seconds = std::chrono::duration<double>(tick.time.time_since_epoch()).count()};
    read_cpu(sample);
    read_memory(sample);
    read_network(sample);
    output("samples").publish(sample);
    co_return;
}

} // namespace demo
