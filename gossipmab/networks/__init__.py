"""Networks: the base graph, its link process, mixing weights, failures and communication budget.

New link processes go into `links/`, new sources of graphs into `graphs/`. Start with `network.py`.
"""
