"""Tasks come home: rebalancing on a real swarm under load, beside the usual remedy.

`shop` is what runs, `floor` the swarm with it, `scenarios` what happens to it, `arms` who mends it;
`clients` ask for pages meanwhile, `watch` and `measuring` look, `optimum` proves how few
moves are enough, `row` has the bars and `report` prints. `python -m tests.bench.rebalance --help`.
"""
