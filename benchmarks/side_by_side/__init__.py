"""This library, compiled and not, beside its peers: the parts of `benchmarks/compiled.py`.

`programs.py` holds the programs, written once on any class of numbers; `workloads.py` their data. `peers/`
has one module for each library, which says how a workload is run there. `measuring.py` compares what they
compute and then times them, `scaling.py` and `starting.py` measure in processes of their own, `table.py` and
`picture.py` show the result.
"""
