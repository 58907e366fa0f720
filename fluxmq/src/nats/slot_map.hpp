// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace fluxmq::nats {

/// Values found by an id in constant time, however many there are. An id is not used twice: it holds the place
/// of its value and how often that place was taken before.
template <class T>
class SlotMap {
public:
    /// Ids below `first_id` are not given out.
    explicit SlotMap(std::uint64_t first_id = 1) : slots_(first_id) {}

    std::uint64_t insert(T value) {
        std::uint64_t index = slots_.size();
        if (free_.empty()) {
            if (index > index_mask)
                throw std::length_error{"too many subscriptions or requests on one connection"};
            slots_.emplace_back();
            if (free_.capacity() < slots_.capacity())
                free_.reserve(slots_.capacity()); // erase() must not allocate
        } else {
            index = free_.back();
            free_.pop_back();
        }
        auto& slot = slots_[index];
        slot.id = (slot.generation++ << index_bits) | index;
        slot.value.emplace(std::move(value));
        ++size_;
        return slot.id;
    }

    T* find(std::uint64_t id) noexcept {
        const auto index = id & index_mask;
        if (index >= slots_.size() || slots_[index].id != id || !slots_[index].value)
            return nullptr;
        return &*slots_[index].value;
    }

    std::optional<T> erase(std::uint64_t id) noexcept {
        if (!find(id))
            return std::nullopt;
        auto& slot = slots_[id & index_mask];
        std::optional<T> value = std::move(slot.value);
        slot.value.reset();
        slot.id = 0;
        free_.push_back(static_cast<std::uint32_t>(id & index_mask));
        --size_;
        return value;
    }

    template <class Visit>
    void for_each(Visit visit) {
        for (auto& slot : slots_)
            if (slot.value)
                visit(slot.id, *slot.value);
    }

    std::size_t size() const noexcept { return size_; }

private:
    static constexpr unsigned index_bits = 20;
    static constexpr std::uint64_t index_mask = (std::uint64_t{1} << index_bits) - 1;

    struct Slot {
        std::uint64_t id = 0;
        std::uint64_t generation = 0;
        std::optional<T> value;
    };

    std::vector<Slot> slots_;
    std::vector<std::uint32_t> free_;
    std::size_t size_ = 0;
};

} // namespace fluxmq::nats
