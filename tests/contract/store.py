"""Contract of every `Store`. A store passes by a class that inherits this and gives the fixture `store`, open and empty:

class TestMine(StoreContract):
    @pytest.fixture
    async def store(self) -> AsyncIterator[Store]:
        ...
"""

from __future__ import annotations

from tests.contract.store_counting import CountingContract
from tests.contract.store_decisions import DecisionContract
from tests.contract.store_inbox import InboxContract
from tests.contract.store_log import LogContract
from tests.contract.store_outside import OutsideContract
from tests.contract.store_picks import PickContract
from tests.contract.store_posts import PostContract
from tests.contract.store_questions import QuestionContract
from tests.contract.store_runs import RunContract
from tests.contract.store_sent import SentContract
from tests.contract.store_viewers import ViewerContract


class StoreContract(
    LogContract,
    QuestionContract,
    PostContract,
    InboxContract,
    RunContract,
    SentContract,
    CountingContract,
    PickContract,
    OutsideContract,
    ViewerContract,
    DecisionContract,
):
    """The whole contract."""
