#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/statusor.h"

namespace modelref {

// Which fields of modelref.v1.Model an answer fills. `name` is always among them. Value type.
class ReadMask {
 public:
  static ReadMask All();
  // By field number, at most 63.
  static ReadMask Of(std::initializer_list<int> field_numbers);
  // From the names of a request; none means all.
  //   INVALID_ARGUMENT BAD_FIELD  one violation ("read_mask[2]") per name that is no field of
  //   Model.
  static absl::StatusOr<ReadMask> Parse(
      const google::protobuf::RepeatedPtrField<std::string>& names);

  bool Has(int field_number) const { return (bits_ >> field_number & 1) != 0; }
  // Whether any field is wanted that only the record's JSON tells.
  bool NeedsRecord() const;

 private:
  explicit ReadMask(uint64_t bits) : bits_(bits) {}

  uint64_t bits_;
};

}  // namespace modelref
