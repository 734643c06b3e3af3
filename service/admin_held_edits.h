#pragma once

// ListHeldEdits and AcceptEdit in the words of the proto.

#include <vector>

#include "absl/status/statusor.h"
#include "modelref/v1/admin.pb.h"
#include "service/store/held_decision.h"

namespace modelref {

// One page of the edits that wait, of the documents in `selected`.
//   INVALID_ARGUMENT (BAD_FIELD, BAD_PAGE_TOKEN); otherwise as ListWaiting.
absl::StatusOr<v1::ListHeldEditsResponse> ListHeldEdits(Store& store,
                                                        const std::vector<DocumentKey>& selected,
                                                        const v1::ListHeldEditsRequest& request);

//   INVALID_ARGUMENT (BAD_FIELD); otherwise as DecideEdit.
absl::StatusOr<v1::AcceptEditResponse> AcceptHeldEdit(Store& store, const FormOf& form_of,
                                                      const v1::AcceptEditRequest& request,
                                                      const std::string& node_id);

}  // namespace modelref
