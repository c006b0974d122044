#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the MLIR that places the mel kernel on the tiles of an AMD NPU, and its memory budget.

    mel_design.py --batch 20 [--tiles 1] [--stride 160] [-o mel.mlir]
    mel_design.py --budget --batch 20 [--stride 400]

The text is in the dialects of mlir-aie (AIE, AIEX) and needs nothing of it to be written, so that
the design is read and checked without the tools; docs/npu-xdna-mel.md says how they build it.

One core computes a part of the batch. Its samples come through an object FIFO of depth 2: the DMA
fills one object while the core reads the other. With several tiles a column's memory tile splits what
the shim brings into the parts of its cores, and joins their features. Parts do not overlap in memory,
so the host writes the 240 samples that neighbouring frames share at the border of two parts twice.

Stride 160: consecutive frames of one stream. Stride 400: frames collected from several streams.
"""
import argparse
import json
import sys

# As in mel_kernel.h, mel_tables.h and memory_budget.h; a test holds them together.
WINDOW, HOP, BINS, LANES = 400, 160, 80, 8
SPECTRUM = WINDOW // 2 + 1
SCRATCH_WORDS = (8 * 25 * 2 + 2 * 25 * 2 + SPECTRUM) * LANES
CONSTANTS = 2 * (WINDOW + WINDOW + 9 * 25 + 2 * 5 * 5 + 2 * BINS + 400 + 128)
TILE_BYTES, STACK, DEPTH = 64 * 1024, 4096, 2
ROWS, COLUMNS, FIRST_CORE_ROW = 4, 4, 2
TILE_COUNTS = (1, 2, 4, 8, 12, 16)
# Of a DMA: 4-byte words, wraps of 10 bits in a shim.
WORD = 4


def aligned(size):
    return (size + WORD - 1) // WORD * WORD


def samples_for(frames, stride):
    return (frames - 1) * stride + WINDOW


def budget(frames, stride):
    given = aligned(samples_for(frames, stride) * 2)
    made = aligned(frames * BINS)
    parts = {
        "frames": frames, "input_object": given, "output_object": made, "stack": STACK,
        "input": DEPTH * given, "output": DEPTH * made, "scratch": 4 * SCRATCH_WORDS,
        "constants": aligned(CONSTANTS),
    }
    parts["total"] = sum(parts[name] for name in ("stack", "input", "output", "scratch", "constants"))
    parts["left"] = TILE_BYTES - parts["total"]
    return parts


def plan(batch, stride, tiles):
    for count in TILE_COUNTS:
        if tiles and count != tiles:
            continue
        share = -(-batch // count)
        if budget(share, stride)["left"] >= 0:
            return count, share
    sys.exit(f"mel_design: a batch of {batch} frames does not fit "
             f"{tiles or TILE_COUNTS[-1]} tiles of {TILE_BYTES} bytes")


def core(name, tile, given, made, samples, features, frames, stride):
    """A core that computes one object after another, for as long as it is fed."""
    i, o = f"memref<{samples}xi16>", f"memref<{features}xi8>"
    return f"""
    %scratch_{name} = aie.buffer({tile}) {{sym_name = "scratch_{name}"}} : memref<{SCRATCH_WORDS}xi32>
    %core_{name} = aie.core({tile}) {{
      %c0 = arith.constant 0 : index
      %c1 = arith.constant 1 : index
      %forever = arith.constant 9223372036854775807 : index
      %frames = arith.constant {frames} : i32
      %stride = arith.constant {stride} : i32
      scf.for %n = %c0 to %forever step %c1 {{
        %in = aie.objectfifo.acquire @{given}(Consume, 1) : !aie.objectfifosubview<{i}>
        %samples = aie.objectfifo.subview.access %in[0] : !aie.objectfifosubview<{i}> -> {i}
        %out = aie.objectfifo.acquire @{made}(Produce, 1) : !aie.objectfifosubview<{o}>
        %features = aie.objectfifo.subview.access %out[0] : !aie.objectfifosubview<{o}> -> {o}
        func.call @anynpu_mel_batch(%samples, %features, %scratch_{name}, %frames, %stride) : ({i}, {o}, memref<{SCRATCH_WORDS}xi32>, i32, i32) -> ()
        aie.objectfifo.release @{given}(Consume, 1)
        aie.objectfifo.release @{made}(Produce, 1)
      }}
      aie.end
    }} {{link_with = "mel_kernel.o", stack_size = {STACK} : i32}}"""


def fifo(name, source, targets, count, kind):
    return (f"    aie.objectfifo @{name}({source}, {{{', '.join(targets)}}}, {DEPTH} : i32)"
            f" : !aie.objectfifo<memref<{count}x{kind}>>")


def design(batch, stride, tiles, frames):
    samples, features = samples_for(frames, stride), frames * BINS
    columns = -(-tiles // ROWS)
    rows = tiles // columns
    lines, sequence = [], []
    for c in range(columns):
        lines.append(f"    %shim_{c} = aie.tile({c}, 0)")
        if rows > 1:
            lines.append(f"    %mem_{c} = aie.tile({c}, 1)")
        lines += [f"    %tile_{c}_{r} = aie.tile({c}, {FIRST_CORE_ROW + r})" for r in range(rows)]
    for c in range(columns):
        cores = [f"{c}_{r}" for r in range(rows)]
        if rows == 1:
            lines.append(fifo(f"samples_{cores[0]}", f"%shim_{c}", [f"%tile_{cores[0]}"], samples, "i16"))
            lines.append(fifo(f"features_{cores[0]}", f"%tile_{cores[0]}", [f"%shim_{c}"], features, "i8"))
            given, made = f"samples_{cores[0]}", f"features_{cores[0]}"
        else:
            given, made = f"samples_{c}", f"features_{c}"
            lines.append(fifo(given, f"%shim_{c}", [f"%mem_{c}"], rows * samples, "i16"))
            lines.append(fifo(made, f"%mem_{c}", [f"%shim_{c}"], rows * features, "i8"))
            for name in cores:
                lines.append(fifo(f"samples_{name}", f"%mem_{c}", [f"%tile_{name}"], samples, "i16"))
                lines.append(fifo(f"features_{name}", f"%tile_{name}", [f"%mem_{c}"], features, "i8"))
            split = ", ".join(str(r * samples) for r in range(rows))
            join = ", ".join(str(r * features) for r in range(rows))
            ins = ", ".join(f"@samples_{name}" for name in cores)
            outs = ", ".join(f"@features_{name}" for name in cores)
            lines.append(f"    aie.objectfifo.link [@{given}] -> [{ins}] ([] [{split}])")
            lines.append(f"    aie.objectfifo.link [{outs}] -> [@{made}] ([{join}] [])")
        lines += [core(name, f"%tile_{name}", f"samples_{name}", f"features_{name}", samples, features,
                       frames, stride) for name in cores]
        sequence.append((c, given, made))

    all_in, all_out = tiles * samples, tiles * features
    column_in, column_out = rows * samples, rows * features
    moves = []
    for c, given, made in sequence:
        moves.append(f"      aiex.npu.dma_memcpy_nd(%samples[0, 0, 0, {c * column_in}][1, 1, 1, {column_in}]"
                     f"[0, 0, 0, 1]) {{id = {2 * c} : i64, metadata = @{given}}} : memref<{all_in}xi16>")
        moves.append(f"      aiex.npu.dma_memcpy_nd(%features[0, 0, 0, {c * column_out}][1, 1, 1, {column_out}]"
                     f"[0, 0, 0, 1]) {{id = {2 * c + 1} : i64, issue_token = true, metadata = @{made}}}"
                     f" : memref<{all_out}xi8>")
    moves += [f"      aiex.npu.dma_wait {{symbol = @{made}}}" for _, _, made in sequence]
    body = "\n".join(lines)
    device = "npu1" if columns == COLUMNS else f"npu1_{columns}col"
    return f"""// {batch} frames, {stride} samples apart, on {tiles} tiles of {frames} frames each.
// Written by mel_design.py; {json.dumps(budget(frames, stride))}
module {{
  aie.device({device}) {{
    func.func private @anynpu_mel_batch(memref<{samples}xi16>, memref<{features}xi8>, memref<{SCRATCH_WORDS}xi32>, i32, i32)
{body}

    aiex.runtime_sequence(%samples: memref<{all_in}xi16>, %features: memref<{all_out}xi8>) {{
""" + "\n".join(moves) + """
    }
  }
}
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, required=True, help="frames of one call")
    parser.add_argument("--tiles", type=int, default=0, choices=(0, *TILE_COUNTS), help="cores; 0: as few as hold it")
    parser.add_argument("--stride", type=int, default=HOP, choices=(HOP, WINDOW))
    parser.add_argument("--budget", action="store_true", help="print the memory of a tile as JSON")
    parser.add_argument("-o", "--output", default="-")
    arguments = parser.parse_args()
    if arguments.batch < 1:
        parser.error("a batch has at least one frame")
    tiles, frames = plan(arguments.batch, arguments.stride, arguments.tiles)
    if arguments.budget:
        text = json.dumps({"tiles": tiles, **budget(frames, arguments.stride)}) + "\n"
    else:
        text = design(arguments.batch, arguments.stride, tiles, frames)
    if arguments.output == "-":
        sys.stdout.write(text)
    else:
        with open(arguments.output, "w", encoding="utf-8") as file:
            file.write(text)


if __name__ == "__main__":
    main()
