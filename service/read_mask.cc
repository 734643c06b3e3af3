#include "service/read_mask.h"

#include <google/protobuf/descriptor.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "backends/base/error.h"
#include "modelref/v1/reference.pb.h"

namespace modelref {
namespace {

using v1::Model;

// What a violation quotes of a name.
constexpr size_t kQuotedBytes = 64;
// A caller who gets this many wrong reads no more of them.
constexpr size_t kMaxViolations = 20;

constexpr uint64_t Bit(int field_number) { return uint64_t{1} << field_number; }

// Fields that are known without looking into the record.
constexpr uint64_t kOutsideRecord = Bit(Model::kNameFieldNumber) | Bit(Model::kJsonFieldNumber) |
                                    Bit(Model::kModRevisionFieldNumber) |
                                    Bit(Model::kEtagFieldNumber);

FieldViolation Unknown(int index, const std::string& name) {
  // Proto strings are UTF-8; a cut may leave half a character.
  size_t size = std::min(name.size(), kQuotedBytes);
  while (size > 0 && size < name.size() && (name[size] & 0xC0) == 0x80) --size;
  return {absl::StrCat("read_mask[", index, "]"),
          absl::StrCat("Model has no field \"", name.substr(0, size), "\"")};
}

}  // namespace

ReadMask ReadMask::All() { return ReadMask(~uint64_t{0}); }

ReadMask ReadMask::Of(std::initializer_list<int> field_numbers) {
  uint64_t bits = Bit(Model::kNameFieldNumber);
  for (const int number : field_numbers) bits |= Bit(number);
  return ReadMask(bits);
}

absl::StatusOr<ReadMask> ReadMask::Parse(
    const google::protobuf::RepeatedPtrField<std::string>& names) {
  if (names.empty()) return All();
  ReadMask mask = Of({});
  ErrorExtras extras;
  for (int i = 0; i < names.size() && extras.field_violations.size() < kMaxViolations; ++i) {
    const auto* const field = Model::descriptor()->FindFieldByName(names[i]);
    if (field == nullptr) {
      extras.field_violations.push_back(Unknown(i, names[i]));
    } else {
      mask.bits_ |= Bit(field->number());
    }
  }
  if (extras.field_violations.empty()) return mask;
  return Error(absl::StatusCode::kInvalidArgument, "BAD_FIELD",
               "read_mask names fields that Model does not have", std::move(extras));
}

bool ReadMask::NeedsRecord() const { return (bits_ & ~kOutsideRecord) != 0; }

}  // namespace modelref
