#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "backends/base/error.h"
#include "backends/base/json.h"
#include "backends/base/status_macros.h"
#include "clients/modelrefctl/server_commands.h"
#include "clients/modelrefctl/text.h"

namespace modelref::ctl {
namespace {

// The exit statuses of Nagios plugins.
constexpr int kNagiosOk = 0;
constexpr int kNagiosWarning = 1;
constexpr int kNagiosCritical = 2;
constexpr int kNagiosUnknown = 3;

struct Finding {
  std::string server;
  std::string service;  // Empty: the whole server.
  absl::StatusOr<Client::Serving> serving;
  absl::Duration took;
  // Documents that are served but are not what their source says: "stale blip/v2".
  std::vector<std::string> degraded = {};

  bool ok() const { return serving.ok() && *serving == Client::Serving::kServing; }
  std::string Word() const {
    if (absl::IsNotFound(serving.status())) return "SERVICE_UNKNOWN";
    if (!serving.ok()) return "UNREACHABLE";
    if (*serving == Client::Serving::kServing) return "SERVING";
    return *serving == Client::Serving::kNotServing ? "NOT_SERVING" : "UNKNOWN";
  }
  std::string What() const {
    return service.empty() ? server : absl::StrCat(service, " on ", server);
  }
};

std::string NagiosLine(const Finding& finding, int code) {
  const char* const word = code == kNagiosOk         ? "OK"
                           : code == kNagiosWarning  ? "WARNING"
                           : code == kNagiosCritical ? "CRITICAL"
                                                     : "UNKNOWN";
  const std::string degraded =
      finding.degraded.empty() ? "" : absl::StrCat(": ", absl::StrJoin(finding.degraded, ", "));
  return absl::StrFormat("%s - %s is %s%s | time=%.6fs\n", word, TerminalSafe(finding.What()),
                         finding.Word(), TerminalSafe(degraded),
                         absl::ToDoubleSeconds(finding.took));
}

std::string PrometheusLines(const Finding& finding) {
  const std::string labels = absl::StrCat("{server=", CanonicalJson(Json(finding.server)),
                                          ",service=", CanonicalJson(Json(finding.service)), "}");
  return absl::StrFormat(
      "# HELP modelref_up Whether the server answers that it is serving.\n"
      "# TYPE modelref_up gauge\n"
      "modelref_up%s %d\n"
      "# HELP modelref_documents_degraded Documents that are stale or damaged.\n"
      "# TYPE modelref_documents_degraded gauge\n"
      "modelref_documents_degraded%s %d\n"
      "# HELP modelref_health_check_seconds How long the health check took.\n"
      "# TYPE modelref_health_check_seconds gauge\n"
      "modelref_health_check_seconds%s %.6f\n",
      labels, finding.ok() ? 1 : 0, labels, finding.degraded.size(), labels,
      absl::ToDoubleSeconds(finding.took));
}

JsonObject FindingJson(const Finding& finding) {
  JsonObject object;
  object.Set("server", finding.server);
  object.Set("service", finding.service);
  object.Set("status", finding.Word());
  object.Set("took", FormatSeconds(finding.took));
  JsonArray degraded;
  for (const std::string& document : finding.degraded) degraded.push_back(Json(document));
  object.Set("degraded", std::move(degraded));
  return object;
}

absl::Status AsStatus(const Finding& finding) {
  if (!finding.serving.ok()) return finding.serving.status();
  if (finding.ok()) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, "NOT_SERVING",
               absl::StrCat(finding.What(), " is ", finding.Word()));
}

int NagiosCode(const Finding& finding) {
  if (finding.ok()) return finding.degraded.empty() ? kNagiosOk : kNagiosWarning;
  return absl::IsNotFound(finding.serving.status()) ? kNagiosUnknown : kNagiosCritical;
}

// What is stale or damaged, in both formats. A server that does not say is not taken for sick.
std::vector<std::string> DegradedDocuments(Client& client) {
  std::vector<std::string> degraded;
  for (const v1::Format format : {v1::FORMAT_V2, v1::FORMAT_LEGACY}) {
    v1::ListCategoriesRequest request;
    request.set_format(format);
    const absl::StatusOr<v1::ListCategoriesResponse> response = client.ListCategories(request);
    if (!response.ok()) return degraded;
    for (const v1::CategorySummary& category : response->categories()) {
      if (!category.stale() && !category.damaged()) continue;
      degraded.push_back(absl::StrCat(category.damaged() ? "damaged " : "stale ",
                                      category.category(), "/", FormatLabel(format)));
    }
  }
  return degraded;
}

absl::StatusOr<Finding> Ask(Invocation& invocation) {
  ASSIGN_OR_RETURN(Client * client, invocation.client());
  const std::string service = invocation.arguments().empty() ? "" : invocation.arguments()[0];
  const absl::Time start = invocation.host().clock->TimeNow();
  absl::StatusOr<Client::Serving> serving = client->CheckHealth(service);
  Finding finding{invocation.settings().client.address, service, std::move(serving),
                  invocation.host().clock->TimeNow() - start};
  if (finding.ok() && service.empty()) finding.degraded = DegradedDocuments(*client);
  return finding;
}

}  // namespace

absl::Status RunHealth(Invocation& invocation) {
  std::string format = invocation.line().Value("format").value_or("text");
  const bool lines = invocation.output() == OutputMode::kJsonl;
  const bool json_output = lines || invocation.output() == OutputMode::kJson;
  if (json_output && !invocation.line().Has("format")) format = "json";
  ASSIGN_OR_RETURN(const Finding finding, Ask(invocation));
  if (format == "nagios") {
    invocation.set_exit_code(NagiosCode(finding));
    // A plugin says everything on its one line.
    return invocation.Print(NagiosLine(finding, NagiosCode(finding)));
  }
  if (format == "prometheus") {
    RETURN_IF_ERROR(invocation.Print(PrometheusLines(finding)));
  } else if (format == "json") {
    RETURN_IF_ERROR(invocation.Print(CanonicalJson(FindingJson(finding)) + "\n"));
  } else {
    RETURN_IF_ERROR(invocation.Print(finding.Word() + "\n"));
    for (const std::string& document : finding.degraded) {
      RETURN_IF_ERROR(invocation.Print(document + "\n"));
    }
  }
  return AsStatus(finding);
}

}  // namespace modelref::ctl
