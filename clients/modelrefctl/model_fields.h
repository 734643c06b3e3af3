#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "backends/base/json.h"
#include "clients/modelrefctl/table.h"
#include "modelref/v1/reference.pb.h"

namespace modelref::ctl {

// INVALID_ARGUMENT (UsageError) when a name is no field of Model, with a suggestion.
absl::Status CheckFields(const std::vector<std::string>& fields);

// The chosen fields of a model in the order they were asked for, unset ones left out; all of them
// when none is chosen.
Json SelectFields(const v1::Model& model, const std::vector<std::string>& fields);

// A model as a row of these columns: lists joined with commas, records as compact JSON, empty where
// unset. `human` writes sizes for people.
std::vector<std::string> ModelRow(const v1::Model& model, const std::vector<Column>& columns,
                                  bool human);

// An object as rows of member and value.
Table FieldTable(const Json& value);

}  // namespace modelref::ctl
