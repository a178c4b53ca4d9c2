"""Several processes: the keeper, which forks the lanes and control, and the master, which starts keepers in a row.

pointsman                 nbthread 1: a single process (worker/process.py)
pointsman                 nbthread N: keeper --fork--> N lanes, control
pointsman -W              master --fresh program--> keeper --fork--> lanes, control; at a reload another keeper
"""
