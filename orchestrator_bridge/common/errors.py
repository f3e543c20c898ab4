"""The exception tree of Townhall and its base class."""

from __future__ import annotations


class TownhallError(Exception):
    """Base class of every exception that Townhall defines. Each class is defined in the module that raises it.

    TownhallError
    ├── ConfigError              bot.config.errors: the environment, `.env` or the team file is wrong
    │   └── UnusableModel        bot.commands.dispatch: a model of a team cannot be called
    ├── ListenerError            bot.mcp_server.listener: the MCP server cannot listen
    ├── ToolCallDenied           bot.mcp_server.scopes: a tool call exceeds the scope of its access token
    ├── StoreError               orchestrator_bridge.store.interface: the store cannot do its work
    │   ├── Conflict             another writer was first
    │   ├── InUse                another process has the file open
    │   ├── NotFound             no file
    │   ├── Corrupted            not a healthy database of Townhall
    │   ├── SchemaTooOld         a read-only look-up in a file of an older release
    │   ├── SchemaTooNew         a file of a newer release
    │   └── WriteFailed          read-only, disk full, or another fault of the disk
    ├── DeliveryError            orchestrator_bridge.chat.adapter: a post was not delivered; adapters may subclass
    │   ├── NotSent              it did not arrive; a retry sends no duplicate
    │   ├── SendUncertain        it may have arrived
    │   └── SendRejected         the platform will never accept it
    ├── ModelError               orchestrator_bridge.model.errors: a model call without a usable response
    │   ├── RequestRefused       final: a retry changes nothing
    │   │   ├── InvalidApiKey
    │   │   ├── InsufficientCredit
    │   │   ├── UnknownModel
    │   │   ├── ContextTooLong
    │   │   ├── RegionBlocked
    │   │   ├── ProxyRefused
    │   │   ├── WrongAddress
    │   │   ├── ContentRefused
    │   │   └── BadRequest
    │   │       ├── ToolsRefused
    │   │       ├── FormatRefused
    │   │       └── RolesRefused
    │   └── Transient            a retry may succeed
    │       ├── RateLimited
    │       ├── Overloaded
    │       ├── CircuitOpen
    │       ├── ProviderUnavailable
    │       │   └── ConnectionFailed
    │       ├── TimedOut
    │       └── InvalidResponse
    ├── ErrorBody                orchestrator_bridge.model.openai.completion: an error body with a success status
    ├── UnknownModelName         orchestrator_bridge.model.catalogue.resolve (also ValueError): no provider for a model name
    ├── ScriptError              orchestrator_bridge.model.scripted.script (also ValueError): a script is missing or invalid
    ├── ToolError                orchestrator_bridge.tool.model: an MCP tool call without a result
    │   ├── ToolNotCalled        the call was not made
    │   └── ToolOutcomeUnknown   the call may have had an effect
    ├── UnknownName              orchestrator_bridge.team.directory (also ValueError): no person, role or agent of that name
    ├── InvalidPlatformSettings  orchestrator_bridge.chat.platform: the settings of a platform contradict one another
    └── AmbiguousNumber          orchestrator_bridge.question.parsing.number (also ValueError): no single reading of a number
    """
