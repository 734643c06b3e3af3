#include "clients/modelrefctl/category_get.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "backends/base/digest.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/document_writer.h"
#include "clients/modelrefctl/exit_codes.h"
#include "clients/modelrefctl/hex.h"
#include "clients/modelrefctl/progress.h"

namespace modelref::ctl {
namespace {

// Output that is held back until the document proved to be whole.
constexpr size_t kHeldBytes = size_t{4} << 20;

class HeldOutput {
 public:
  explicit HeldOutput(Invocation& invocation) : invocation_(invocation) {}

  absl::Status Write(absl::string_view text) {
    if (held_.size() + text.size() <= kHeldBytes && !released_) {
      held_.append(text.data(), text.size());
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(Release());
    return invocation_.Print(text);
  }
  absl::Status Release() {
    released_ = true;
    return invocation_.Print(std::exchange(held_, std::string()));
  }

 private:
  Invocation& invocation_;
  std::string held_;
  bool released_ = false;
};

absl::StatusOr<v1::StreamCategoryRequest> MakeRequest(Invocation& invocation) {
  const CommandLine& line = invocation.line();
  v1::StreamCategoryRequest request;
  request.set_category(invocation.arguments()[0]);
  request.set_format(invocation.settings().format);
  const bool raw = line.Has("raw") || line.Value("representation") == "source-text";
  if (raw) {
    if (line.Has("output") && invocation.output() != OutputMode::kJson) {
      return UsageError("--raw prints the text as it is; leave -o out");
    }
    request.set_representation(v1::REPRESENTATION_SOURCE_TEXT);
    // Only legacy documents have a source text.
    if (request.format() == v1::FORMAT_UNSPECIFIED) request.set_format(v1::FORMAT_LEGACY);
  }
  if (const std::optional<std::string> etag = line.Value("if-none-match"); etag.has_value()) {
    ASSIGN_OR_RETURN(const std::string bytes, ParseEtag(*etag));
    request.set_if_none_match(bytes);
  }
  if (line.Has("force-refresh")) request.mutable_read()->set_force_refresh(true);
  return request;
}

absl::Status CopyText(CategoryStream& stream, Progress* progress, HeldOutput* out) {
  std::string bytes;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, stream.NextBytes(&bytes));
    if (!more) return out->Release();
    RETURN_IF_ERROR(out->Write(bytes));
    progress->Advance(bytes.size());
  }
}

absl::Status CopyRecords(Invocation& invocation, CategoryStream& stream, Progress* progress,
                         HeldOutput* out) {
  // On a terminal somebody reads; everywhere else the bytes are the point.
  const bool indented = invocation.host().terminal.out && !invocation.settings().output_given;
  const std::unique_ptr<DocumentWriter> writer = MakeDocumentWriter(invocation, indented);
  RETURN_IF_ERROR(out->Write(writer->Begin()));
  v1::Record record;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, stream.NextRecord(&record));
    if (!more) break;
    ASSIGN_OR_RETURN(const std::string text, writer->Add(record));
    RETURN_IF_ERROR(out->Write(text));
    progress->Advance(record.json().size());
  }
  RETURN_IF_ERROR(out->Write(writer->End()));
  return out->Release();
}

void TellState(const CategoryStream& stream, Invocation* invocation) {
  if (stream.response_header().stale()) {
    invocation->Note(absl::StrCat("warning: ", stream.header().category(),
                                  " is stale: its source cannot be read or was marked; this is "
                                  "the last good copy"));
  }
}

}  // namespace

absl::Status RunCategoryGet(Invocation& invocation) {
  ASSIGN_OR_RETURN(const v1::StreamCategoryRequest request, MakeRequest(invocation));
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  ASSIGN_OR_RETURN(const std::unique_ptr<CategoryStream> stream, client->StreamCategory(request));
  TellState(*stream, &invocation);
  if (stream->header().not_modified()) {
    invocation.Note(absl::StrCat("not modified: etag ", ToHex(stream->header().etag())));
    return absl::OkStatus();
  }
  const InterruptListener listener(*invocation.host().interrupts, [&stream] { stream->Cancel(); });
  Progress progress(invocation, stream->header().size_bytes());
  HeldOutput out(invocation);
  const bool raw = request.representation() == v1::REPRESENTATION_SOURCE_TEXT;
  const absl::Status status =
      raw ? CopyText(*stream, &progress, &out) : CopyRecords(invocation, *stream, &progress, &out);
  return invocation.host().interrupts->triggered() ? InterruptedError() : status;
}

}  // namespace modelref::ctl
