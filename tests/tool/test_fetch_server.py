"""A tool server that others wrote, from the package index: the one that fetches pages."""

from __future__ import annotations

import sys

from aiohttp import web

from orchestrator_bridge.tool.model import ToolServerSpec
from orchestrator_bridge.tool.toolbox import Toolbox
from tests.support.clock import ManualClock

FETCH = (sys.executable, "-m", "mcp_server_fetch", "--ignore-robots-txt", "--allow-private-ips")


async def test_a_third_party_server_lists_its_tool_and_fetches_a_page() -> None:
    async def page(_: web.Request) -> web.Response:
        return web.Response(
            text="<html><body><h1>Opening hours</h1><p>From nine to five.</p></body></html>", content_type="text/html"
        )

    site = web.Application()
    site.router.add_get("/{any:.*}", page)
    runner = web.AppRunner(site)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    box = Toolbox({"web": ToolServerSpec(command=FETCH)}, {}, ManualClock())
    try:
        (tool,) = await box.tools("web")
        assert tool.model_name == "web__fetch"
        assert "url" in tool.schema["properties"]
        result = await box.call("web", "fetch", {"url": f"http://127.0.0.1:{port}/hours", "raw": True})
        assert "From nine to five." in result.text
    finally:
        await box.close()
        await runner.cleanup()
