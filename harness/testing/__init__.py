"""The conformance kit: what the harness promises its users of every plugin, as named checks.

    from harness.testing import parametrize_with_checks

    @parametrize_with_checks("my-method")
    def test_conformance(check):
        check()

`harness plugins check NAME` and `pytest --harness-plugin NAME` run the same checks. Importing this
package does not import torch; running the checks of a method does.
"""

from harness.testing.catalogue import CHECKS, checks_of
from harness.testing.check import Check, CheckFailure
from harness.testing.parametrize import parametrize_with_checks

__all__ = ["CHECKS", "Check", "CheckFailure", "checks_of", "parametrize_with_checks"]
