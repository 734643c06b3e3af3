#include "backends/convert/record_diff.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "backends/convert/decimal.h"

namespace modelref {
namespace {

constexpr size_t kMaxPathBytes = 256;

constexpr absl::string_view kImageFields[] = {"baseline", "nsfw", "inpainting", "trigger",
                                              "homepage"};
constexpr absl::string_view kTextFields[] = {"baseline", "nsfw", "url", "parameters",
                                             "parameters_count"};
// `type` is what the legacy form calls the style.
constexpr absl::string_view kControlnetFields[] = {"style", "nsfw", "controlnet_style", "type"};
constexpr absl::string_view kOtherFields[] = {"style", "nsfw"};
constexpr absl::string_view kFiles[] = {"config.download", "config.files"};
constexpr absl::string_view kOtherCategories[] = {
    "blip", "clip", "codeformer", "esrgan", "gfpgan", "safety_checker",
};

using Names = absl::Span<const absl::string_view>;

// Empty: nothing of the category is critical, not even its files.
Names CriticalFields(absl::string_view category) {
  if (category == "image_generation") return kImageFields;
  if (category == "text_generation") return kTextFields;
  if (category == "controlnet") return kControlnetFields;
  const bool is_other = std::find(std::begin(kOtherCategories), std::end(kOtherCategories),
                                  category) != std::end(kOtherCategories);
  return is_other ? Names(kOtherFields) : Names();
}

// One is the other, or lies in it.
bool Overlap(absl::string_view a, absl::string_view b) {
  if (a.size() > b.size()) std::swap(a, b);
  return absl::ConsumePrefix(&b, a) && (b.empty() || b.front() == '.');
}

// Bytewise by name.
using Members = std::vector<const JsonObject::Member*>;
Members Sorted(const JsonObject& object) {
  Members members;
  members.reserve(object.size());
  for (const JsonObject::Member& member : object.members()) {
    if (!member.second.is_null()) members.push_back(&member);
  }
  std::sort(members.begin(), members.end(),
            [](const auto* a, const auto* b) { return a->first < b->first; });
  return members;
}

bool Equal(const Json& a, const Json& b);

bool EqualObjects(const JsonObject& a, const JsonObject& b) {
  const Members from = Sorted(a);
  const Members to = Sorted(b);
  return std::equal(from.begin(), from.end(), to.begin(), to.end(),
                    [](const auto* x, const auto* y) {
                      return x->first == y->first && Equal(x->second, y->second);
                    });
}

bool Equal(const Json& a, const Json& b) {
  if (a.AsNumber() != nullptr && b.AsNumber() != nullptr) {
    return SameDecimal(a.AsNumber()->lexeme, b.AsNumber()->lexeme);
  }
  if (a.AsArray() != nullptr && b.AsArray() != nullptr) {
    return std::equal(a.AsArray()->begin(), a.AsArray()->end(), b.AsArray()->begin(),
                      b.AsArray()->end(), Equal);
  }
  if (a.AsObject() != nullptr && b.AsObject() != nullptr) {
    return EqualObjects(*a.AsObject(), *b.AsObject());
  }
  return a == b;
}

std::string PathPart(absl::string_view name) {
  std::string quoted;
  AppendCanonicalString(name, &quoted);
  return absl::StrReplaceAll(absl::string_view(quoted).substr(1, quoted.size() - 2),
                             {{".", "\\."}});
}

class Differ {
 public:
  explicit Differ(const Category& category) : category_(category) {}

  // Either may be null: absent.
  void Compare(const std::string& path, const Json* before, const Json* after) {
    if (before != nullptr && after != nullptr && Equal(*before, *after)) return;
    const JsonObject* from = before == nullptr ? nullptr : before->AsObject();
    const JsonObject* to = after == nullptr ? nullptr : after->AsObject();
    const bool both = from != nullptr && to != nullptr;
    const bool one_sided = (before == nullptr && to != nullptr && !to->empty()) ||
                           (after == nullptr && from != nullptr && !from->empty());
    if ((both || one_sided) && path.size() <= kMaxPathBytes) {
      CompareMembers(path, from, to);
    } else {
      Add(path, before, after);
    }
  }

  void CompareMembers(const std::string& path, const JsonObject* before, const JsonObject* after) {
    const Members from = before == nullptr ? Members() : Sorted(*before);
    const Members to = after == nullptr ? Members() : Sorted(*after);
    size_t i = 0;
    size_t j = 0;
    while (i < from.size() || j < to.size()) {
      const bool has_from = i < from.size() && (j == to.size() || from[i]->first <= to[j]->first);
      const bool has_to = j < to.size() && (i == from.size() || to[j]->first <= from[i]->first);
      const std::string& name = has_from ? from[i]->first : to[j]->first;
      Compare(absl::StrCat(path, path.empty() ? "" : ".", PathPart(name)),
              has_from ? &from[i]->second : nullptr, has_to ? &to[j]->second : nullptr);
      i += has_from ? 1 : 0;
      j += has_to ? 1 : 0;
    }
  }

  std::vector<FieldDifference> Take() {
    std::sort(out_.begin(), out_.end(),
              [](const FieldDifference& a, const FieldDifference& b) { return a.path < b.path; });
    return std::move(out_);
  }

 private:
  void Add(const std::string& path, const Json* before, const Json* after) {
    FieldDifference difference;
    difference.path = path;
    if (before != nullptr) difference.before = *before;
    if (after != nullptr) difference.after = *after;
    difference.critical = IsCriticalField(category_, path);
    out_.push_back(std::move(difference));
  }

  const Category& category_;
  std::vector<FieldDifference> out_;
};

}  // namespace

bool IsCriticalField(const Category& category, absl::string_view path) {
  const Names fields = CriticalFields(category.name);
  const auto overlaps = [path](absl::string_view field) { return Overlap(path, field); };
  return !fields.empty() && (std::any_of(fields.begin(), fields.end(), overlaps) ||
                             std::any_of(std::begin(kFiles), std::end(kFiles), overlaps));
}

std::vector<FieldDifference> DiffRecords(const Category& category, const JsonObject* before,
                                         const JsonObject* after) {
  Differ differ(category);
  differ.CompareMembers("", before, after);
  return differ.Take();
}

}  // namespace modelref
