// Mutations of models as messages, not as bytes: by protobuf's reflection every
// field of every message can be changed, left out, doubled, moved, or taken from
// another place of the same kind. Names, op types, element types and dims come
// mostly from lists of what means something, so that most results are nearly
// valid and get past the checks at the door.
#include "onnx/defs/schema.h"
#include "onnx/onnx_pb.h"

#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

extern "C" size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t maxSize);

namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

/// A field of a message somewhere in the model; index -1: not repeated.
struct Place {
  Message *message;
  const FieldDescriptor *field;
  int index;
};

/// Messages nest no deeper than the reader allows.
constexpr int kDepth = 60;

class Mutation {
public:
  Mutation(onnx::ModelProto &model, const onnx::ModelProto *other, unsigned seed) : random(seed) {
    collect(model, 0);
    if (other) // messages are taken from there; it is not changed
      collectMessages(*const_cast<onnx::ModelProto *>(other), 0);
  }

  void run() {
    if (places.empty())
      return;
    const Place &place = places[below(places.size())];
    const Reflection &reflection = *place.message->GetReflection();
    if (place.field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
      return changeMessage(place, reflection);
    if (place.index >= 0 && below(3) == 0)
      return changeLength(place, reflection);
    if (place.index < 0 && below(6) == 0)
      return reflection.ClearField(place.message, place.field);
    changeScalar(place, reflection);
  }

private:
  size_t below(size_t count) { return count ? random() % count : 0; }
  template <typename T> const T &any(const std::vector<T> &list) { return list[below(list.size())]; }

  void collect(Message &message, int depth) {
    const Reflection &reflection = *message.GetReflection();
    const auto &descriptor = *message.GetDescriptor();
    for (int f = 0; f < descriptor.field_count(); ++f) {
      const FieldDescriptor *field = descriptor.field(f);
      if (!field->is_repeated()) {
        bool has = reflection.HasField(message, field);
        // Absent fields come in now and then.
        if (has || below(20) == 0)
          places.push_back({&message, field, -1});
        if (has)
          descend(message, field, -1, depth);
        continue;
      }
      int size = reflection.FieldSize(message, field);
      bool isMessage = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
      for (int i = 0; i < size && (isMessage || i < 4); ++i) {
        places.push_back({&message, field, i});
        descend(message, field, i, depth);
      }
      if (size == 0 && below(30) == 0)
        places.push_back({&message, field, -1});
    }
  }
  void descend(Message &message, const FieldDescriptor *field, int index, int depth) {
    const Reflection &reflection = *message.GetReflection();
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING && field->type() == FieldDescriptor::TYPE_STRING) {
      names.push_back(index < 0 ? reflection.GetString(message, field) : reflection.GetRepeatedString(message, field, index));
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE && depth < kDepth) {
      Message &inner = index < 0 ? *reflection.MutableMessage(&message, field) : *reflection.MutableRepeatedMessage(&message, field, index);
      messages.push_back(&inner);
      collect(inner, depth + 1);
    }
  }
  void collectMessages(Message &message, int depth) {
    std::vector<const FieldDescriptor *> fields;
    const Reflection &reflection = *message.GetReflection();
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor *field : fields) {
      if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE || depth >= kDepth)
        continue;
      int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
      for (int i = 0; i < count; ++i) {
        Message &inner = field->is_repeated() ? *reflection.MutableRepeatedMessage(&message, field, i) : *reflection.MutableMessage(&message, field);
        messages.push_back(&inner);
        collectMessages(inner, depth + 1);
      }
    }
  }

  /// A copy of a message of the same type from anywhere, if there is one.
  std::unique_ptr<Message> another(const google::protobuf::Descriptor *type) {
    std::vector<Message *> same;
    for (Message *message : messages)
      if (message->GetDescriptor() == type)
        same.push_back(message);
    if (same.empty())
      return nullptr;
    const Message &chosen = *any(same);
    std::unique_ptr<Message> copy(chosen.New());
    copy->CopyFrom(chosen);
    return copy;
  }

  void changeMessage(const Place &place, const Reflection &reflection) {
    auto copy = another(place.field->message_type());
    if (!place.field->is_repeated()) {
      if (below(4) == 0 || !copy)
        reflection.ClearField(place.message, place.field);
      else
        reflection.MutableMessage(place.message, place.field)->CopyFrom(*copy);
      return;
    }
    if (place.index < 0 || below(4) == 0) {
      Message *added = reflection.AddMessage(place.message, place.field);
      if (copy)
        added->CopyFrom(*copy);
      return;
    }
    if (below(3) == 0 && copy) {
      reflection.MutableRepeatedMessage(place.message, place.field, place.index)->CopyFrom(*copy);
      return;
    }
    changeLength(place, reflection);
  }

  /// Takes an element out, or moves it, or doubles the last.
  void changeLength(const Place &place, const Reflection &reflection) {
    int size = reflection.FieldSize(*place.message, place.field), last = size - 1;
    switch (below(3)) {
    case 0:
      reflection.SwapElements(place.message, place.field, place.index, last);
      reflection.RemoveLast(place.message, place.field);
      return;
    case 1:
      reflection.SwapElements(place.message, place.field, place.index, int(below(size_t(size))));
      return;
    default:
      if (place.field->cpp_type() == FieldDescriptor::CPPTYPE_INT64)
        reflection.AddInt64(place.message, place.field, number());
      else if (place.field->type() == FieldDescriptor::TYPE_STRING)
        reflection.AddString(place.message, place.field, text(place));
    }
  }

  int64_t number() {
    static const std::vector<int64_t> telling = {
        0, 1, 2, 3, 4, 5, 7, 8, 16, 17, 64, 255, 256, 1000, -1, -2, -3, -8, 1 << 16, 1 << 20, (int64_t(1) << 31) - 1, int64_t(1) << 31,
        int64_t(1) << 32, int64_t(1) << 40, int64_t(1) << 60, INT64_MAX, INT64_MIN, INT64_MIN + 1, -(int64_t(1) << 31), -(int64_t(1) << 40)};
    return below(3) ? telling[below(16)] : any(telling);
  }
  static const std::vector<std::string> &opTypes() {
    static const std::vector<std::string> all = [] {
      std::vector<std::string> names;
      for (const auto &schema : onnx::OpSchemaRegistry::get_all_schemas())
        names.push_back(schema.Name());
      return names;
    }();
    return all;
  }
  std::string text(const Place &place) {
    const std::string &field = place.field->name();
    if (field == "op_type" && below(8))
      return any(opTypes());
    if (below(40) == 0)
      return std::string(any(std::vector<size_t>{0, 1, 300, 70000}), 'n') + (below(2) ? std::string(1, '\0') : "\xff\xfe");
    if (below(12) == 0)
      return any(std::vector<std::string>{"", "ai.onnx", "ai.onnx.ml", "com.microsoft", "SAME_UPPER", "constant", "x", "linear", "ij,jk->ik"});
    return names.empty() ? "x" : any(names);
  }

  void changeScalar(const Place &place, const Reflection &reflection) {
    Message *message = place.message;
    const FieldDescriptor *field = place.field;
    bool isNew = place.index < 0 && field->is_repeated();
    auto put = [&](auto value, auto set, auto add, auto setRepeated) {
      if (isNew)
        (reflection.*add)(message, field, value);
      else if (place.index < 0)
        (reflection.*set)(message, field, value);
      else
        (reflection.*setRepeated)(message, field, place.index, value);
    };
    switch (field->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT64:
      return put(number(), &Reflection::SetInt64, &Reflection::AddInt64, &Reflection::SetRepeatedInt64);
    case FieldDescriptor::CPPTYPE_UINT64:
      return put(uint64_t(number()), &Reflection::SetUInt64, &Reflection::AddUInt64, &Reflection::SetRepeatedUInt64);
    case FieldDescriptor::CPPTYPE_INT32: {
      bool isType = field->name() == "data_type" || field->name() == "elem_type" || field->name() == "key_type";
      return put(int32_t(isType && below(8) ? below(27) : number()), &Reflection::SetInt32, &Reflection::AddInt32, &Reflection::SetRepeatedInt32);
    }
    case FieldDescriptor::CPPTYPE_FLOAT:
      return put(float(any(std::vector<double>{0, 1, -1, 0.5, 1e38, 1e-40, INFINITY, NAN})), &Reflection::SetFloat, &Reflection::AddFloat,
                 &Reflection::SetRepeatedFloat);
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return put(any(std::vector<double>{0, 1, -1, 0.5, 1e300, INFINITY, NAN}), &Reflection::SetDouble, &Reflection::AddDouble,
                 &Reflection::SetRepeatedDouble);
    case FieldDescriptor::CPPTYPE_ENUM:
      if (const auto *value = field->enum_type()->value(int(below(size_t(field->enum_type()->value_count())))))
        put(value, &Reflection::SetEnum, &Reflection::AddEnum, &Reflection::SetRepeatedEnum);
      return;
    case FieldDescriptor::CPPTYPE_STRING: {
      std::string value = field->type() == FieldDescriptor::TYPE_STRING ? text(place) : bytes(place, reflection);
      if (isNew)
        reflection.AddString(message, field, value);
      else if (place.index < 0)
        reflection.SetString(message, field, value);
      else
        reflection.SetRepeatedString(message, field, place.index, value);
      return;
    }
    default:
      return;
    }
  }
  /// Data of a tensor, or the text of an attribute: cut, grown or changed.
  std::string bytes(const Place &place, const Reflection &reflection) {
    if (place.field->name() == "s" && below(2))
      return text(place);
    std::string value;
    if (!place.field->is_repeated())
      value = reflection.GetString(*place.message, place.field);
    else if (place.index >= 0)
      value = reflection.GetRepeatedString(*place.message, place.field, place.index);
    if (below(3) == 0)
      value.resize(below(2 * value.size() + 9));
    if (!value.empty())
      for (size_t i = below(8) + 1; i--;)
        value[below(value.size())] = any(std::vector<char>{0, 1, 2, -1, 127, 64});
    return value;
  }

  std::minstd_rand random;
  std::vector<Place> places;
  std::vector<Message *> messages;
  std::vector<std::string> names;
};

/// Changes `model` and writes it to `data` when it fits; else 0.
size_t write(const onnx::ModelProto &model, uint8_t *data, size_t maxSize) {
  size_t size = model.ByteSizeLong();
  return size <= maxSize && model.SerializePartialToArray(data, int(size)) ? size : 0;
}

} // namespace

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t maxSize, unsigned seed) {
  onnx::ModelProto model;
  // Bytes now and then, too.
  if (seed % 50 == 0 || !model.ParsePartialFromArray(data, int(size)))
    return LLVMFuzzerMutate(data, size, maxSize);
  std::minstd_rand random(seed);
  for (unsigned count = 1 + random() % 3; count--;)
    Mutation(model, nullptr, unsigned(random())).run();
  size_t written = write(model, data, maxSize);
  return written ? written : size;
}

extern "C" size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1, const uint8_t *data2, size_t size2, uint8_t *out, size_t maxSize,
                                            unsigned seed) {
  onnx::ModelProto model, other;
  if (!model.ParsePartialFromArray(data1, int(size1)) || !other.ParsePartialFromArray(data2, int(size2)))
    return 0;
  Mutation(model, &other, seed).run();
  return write(model, out, maxSize);
}
