"""Script for a Python with ROOT: writes one RNTuple from arrays, reads it back, and prints its size as JSON.

`python native_root_writer.py FOLDER`: FOLDER has `fields.json` and the `.npy` files that it names. Each field
has `name`, `type` (of one number), `values`, `counts` (lengths of lists; lists of equal lengths share a
file), `width` (of fixed-size arrays) and, for floats, `bits` (Real32Trunc) or `bits`, `low`, `high`
(Real32Quant). Numbers that were read are written to `back_<values>.npy`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import ROOT

CODE = r"""
#include <ROOT/RNTupleModel.hxx>
#include <ROOT/RNTupleWriter.hxx>
#include <ROOT/RNTupleWriteOptions.hxx>
#include <ROOT/RNTupleReader.hxx>
#include <ROOT/RField.hxx>
#include <cstring>
using namespace ROOT;

struct Field {
   std::string name, type;
   char *values; std::size_t size; int width;  // bytes of one number, numbers of a fixed-size array
   const std::int64_t *counts;                 // of lists, else null
   int bits; double low, high;                 // 0 bits: as it comes
   std::vector<char> buffer; std::size_t at = 0;
};
static std::vector<Field> fields;

void add(const char *name, const char *type, std::size_t values, std::size_t size, int width, std::size_t counts,
         int bits, double low, double high) {
   fields.push_back({name, type, (char *)values, size, width, (const std::int64_t *)counts, bits, low, high});
}

template <typename T> bool narrow(RFieldBase &field, const Field &f) {
   auto *real = dynamic_cast<RField<T> *>(&field);
   if (!real) return false;
   if (f.low < f.high) real->SetQuantized(f.low, f.high, f.bits); else real->SetTruncated(f.bits);
   return true;
}

void write(const char *path, std::uint64_t entries, int compression) {
   auto model = RNTupleModel::CreateBare();
   for (auto &f : fields) {
      auto field = RFieldBase::Create(f.name, f.type).Unwrap();
      if (f.bits) {
         RFieldBase *inner = field.get();
         if (f.counts || f.width) inner = field->GetMutableSubfields()[0];
         if (!narrow<float>(*inner, f) && !narrow<double>(*inner, f)) throw std::runtime_error("no float: " + f.name);
      }
      model->AddField(std::move(field));
   }
   RNTupleWriteOptions options;
   options.SetCompression(compression);
   options.SetApproxZippedClusterSize(1u << 30);
   options.SetMaxUnzippedClusterSize(2ull << 30);
   auto writer = RNTupleWriter::Recreate(std::move(model), "t", path, options);
   auto entry = writer->CreateEntry();
   std::vector<std::vector<char>> lists(fields.size());
   for (std::size_t i = 0; i < fields.size(); ++i) {
      auto &f = fields[i];
      f.at = 0;
      if (f.counts) entry->BindRawPtr(f.name, (void *)&lists[i]);
   }
   for (std::uint64_t e = 0; e < entries; ++e) {
      for (std::size_t i = 0; i < fields.size(); ++i) {
         auto &f = fields[i];
         // A vector<T> is three pointers whatever T is: bytes will do.
         std::size_t n = f.size * (f.counts ? f.counts[e] : f.width ? f.width : 1);
         if (f.counts) lists[i].assign(f.values + f.at, f.values + f.at + n);
         else entry->BindRawPtr(f.name, (void *)(f.values + f.at));
         f.at += n;
      }
      writer->Fill(*entry);
   }
}

void read(const char *path, std::uint64_t entries) {
   auto reader = RNTupleReader::Open("t", path);
   auto entry = reader->GetModel().CreateBareEntry();
   std::vector<std::vector<char>> lists(fields.size());
   for (std::size_t i = 0; i < fields.size(); ++i) {
      fields[i].at = 0;
      if (fields[i].counts) entry->BindRawPtr(fields[i].name, (void *)&lists[i]);
   }
   for (std::uint64_t e = 0; e < entries; ++e) {
      for (std::size_t i = 0; i < fields.size(); ++i)
         if (!fields[i].counts) entry->BindRawPtr(fields[i].name, (void *)(fields[i].values + fields[i].at));
      reader->LoadEntry(e, *entry);
      for (std::size_t i = 0; i < fields.size(); ++i) {
         auto &f = fields[i];
         std::size_t n = f.size * (f.counts ? f.counts[e] : f.width ? f.width : 1);
         if (f.counts) {
            if (lists[i].size() != n) throw std::runtime_error("list lengths: " + f.name);
            std::memcpy(f.values + f.at, lists[i].data(), n);
         }
         f.at += n;
      }
   }
}
"""

TYPES = {
    "b1": "bool", "i1": "std::int8_t", "i2": "std::int16_t", "i4": "std::int32_t", "i8": "std::int64_t",
    "u1": "std::uint8_t", "u2": "std::uint16_t", "u4": "std::uint32_t", "u8": "std::uint64_t", "f4": "float",
    "f8": "double",
}  # fmt: skip

ZSTD5 = 505


def main() -> None:
    """Write the RNTuple, read it, and print its size."""
    folder = Path(sys.argv[1])
    description: dict[str, Any] = json.loads((folder / "fields.json").read_text())
    ROOT.gSystem.Load("libROOTNTuple")
    ROOT.gInterpreter.Declare(CODE)
    arrays = {}
    for field in description["fields"]:
        for key in ("values", "counts"):
            if field[key] and field[key] not in arrays:
                arrays[field[key]] = np.load(folder / field[key])

    def add_all(numbers: dict[str, Any]) -> None:
        """Register all fields with the arrays that ROOT reads from or writes to."""
        ROOT.fields.clear()
        for field in description["fields"]:
            inner = TYPES[field["type"]]
            counts = arrays[field["counts"]].ctypes.data if field["counts"] else 0
            width = field["width"]
            kind = f"std::vector<{inner}>" if counts else f"std::array<{inner},{width}>" if width else inner
            values = numbers[field["values"]]
            ROOT.add(
                field["name"], kind, values.ctypes.data, values.dtype.itemsize, width, counts,
                field["bits"], field["low"], field["high"],
            )  # fmt: skip

    path = str(folder / "real.root")
    add_all(arrays)
    ROOT.write(path, description["entries"], ZSTD5)
    back = {field["values"]: np.zeros_like(arrays[field["values"]]) for field in description["fields"]}
    add_all(back)
    ROOT.read(path, description["entries"])
    for name, values in back.items():
        np.save(folder / f"back_{name}", values)
    # ROOT writes equal pages only once, so lists of equal lengths share them.
    print(json.dumps({"size": Path(path).stat().st_size, "root": str(ROOT.__version__)}))


if __name__ == "__main__":
    main()
