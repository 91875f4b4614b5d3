"""Tracing and compiling: a function of Values runs once, is recorded as a flat tape, and is replayed fast.

A map of the modules, by theme and in reading order. Whatever belongs to one executor begins with one word:
`python_`, `llvm_`, `level_` (NumPy), `interpreter_`, `lane_`.

The tape and recording it:
    tape               what is recorded: operations as flat arrays
    building           appending operations to a tape; equal ones are one
    settling           from what was appended to the tape's layout, without what nothing needs
    tracer             the tracer: what is recorded while a function runs, and `trace`
    traced             the numbers that the function gets; what asks them something is a guard
    traced_methods     their operators, from the op table
    as_floats          plain numbers that were read from them, whose errors are branches
    tables             `take` and `put` with traced indices
    watching           appending while gradients are off or places are noted
    guard_words        what a guard asked, in words
    inner_gradients    derivatives that the traced function takes itself
    recorded           the `Trace`: the tape, the result, the graph and table to look at

Differentiating tapes:
    terms              rules of the op table, run on the nodes of a tape
    differentiating    gradient and tangent tapes; programs in fewer kinds of rows, and in two parts
    reaching           which parameters an output depends on

Planning, for the executors `numpy` and `interpreter`:
    instructions       what a plan is made of
    planning           `make_plan`, by these steps:
    items              the steps of a program as arrays
    fusing             chains of products and sums become one step
    flowing            where gradients flow; on which level steps may wait
    scheduling         in which order steps run, and in which slots results stand
    runs               steps side by side become one instruction

Executors, each made of a tape by `prepare`:
    kernel             what an executor gives: `Kernel`, and for batches `LaneKernel`
    choosing           the table of executors, and how `auto` picks one

`python`, straight lines:
    python_straight    the executor
    python_text        a tape as Python that people can read
    python_careful     one operation at a time, where Python raises and IEEE 754 has a value

`llvm`, straight lines, and what all machine code shares:
    llvm_straight      the executor
    llvm_text          a tape as LLVM's assembly language
    llvm_loops         blocks: loops, and what is done only sometimes
    llvm_engine        llvmlite: from that text to a function
    llvm_cache         machine code for this processor, kept in the user's folder

`numpy`, level by level:
    levels             the executor
    level_lanes        the same over batches
    level_program      a schedule as groups of steps
    level_steps        groups of rows and of sums, forward and back
    level_products     groups that are products of matrices
    level_lists        rows of many operands, and lookups
    level_columns      what a group reads: a view, or gathered
    level_kernels      rows as functions of arrays

`interpreter`, one machine for all plans:
    interpreter            the executor
    interpreter_code       its machine code, compiled once
    interpreter_source     its text: a branch for every row
    interpreter_rows       rows of fixed arity
    interpreter_lists      rows of many operands, and lookups
    interpreter_products   sums of products
    interpreter_sums       sums
    interpreter_text       functions with integers and short vectors, on `llvm_loops`

Lanes, which are the interpreter's batches:
    lanes              a plan made ready for batches
    lane_runner        buffers, chunks and threads
    lane_program       which kernel each instruction needs
    lane_kernels       the kernels, one for each kind of instruction
    lane_rows          rows of the op table over lanes
    lane_products      sums of products over lanes
    lane_shapes        what kernels have in common
    lane_driver        the loop over a batch
    lane_columns       numbers that stand column by column
    lane_math          elementary functions on vectors
    lane_vectors       vectors with operators, written with llvmlite

Calls:
    compiled           `compile` and `Compiled`
    arguments          a call's arguments as numbers and a key
    calls              arguments read quickly, results put into shape
    traces             the traces that are kept, by how the program branched
    replaying          one trace with its kernels
    asking             values, gradients, Jacobians: by a replay, or by the function
    wanting            by what is differentiated: `wrt`
    routes             the shortest way for calls like the last one
    connecting         results as Values, where arguments were
    mapping            `f.map`
    batches            arguments of many samples as rows, and back
    batch_routes       the shortest way for batches like the last one
    verifying          `verify=`: both ways, and compared
    report             `f.report()`

Training (`nn` drives it):
    training           what a step is, as tapes, and what takes steps
    llvm_training      steps in one function, row after row
    llvm_training_text  its source
    lane_training      the same with batches in lanes
    lane_updates       an optimizer's rule in lanes
    array_training     a step on arrays, for gradients found elsewhere
    rules_of_update    an optimizer's rule as a tape
    row_traces         a loss of one row, traced for each way it goes
    branches           one of these ways with its kernels
"""

from __future__ import annotations
