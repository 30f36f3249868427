"""Choosing a circuit: proposed from what a backend can do and what may be spent, or searched for."""

from hqdist.design.picture import plot_search
from hqdist.design.proposal import Proposal, Rejected, propose_ansatz
from hqdist.design.search import Search, Trial, architecture_search
from hqdist.design.space import Candidate, SearchSpace

__all__ = [
    "Candidate",
    "Proposal",
    "Rejected",
    "Search",
    "SearchSpace",
    "Trial",
    "architecture_search",
    "plot_search",
    "propose_ansatz",
]
