// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title A receiver that calls back while it receives
contract GreedyReceiver {
    uint256 public calls;
    bytes private _callBack;

    function onReceiving(bytes calldata callBack) external {
        _callBack = callBack;
    }

    function onERC721Received(address, address, uint256, bytes calldata) external returns (bytes4) {
        ++calls;
        if (_callBack.length != 0) {
            (bool first,) = msg.sender.call(_callBack);
            (bool second,) = msg.sender.call(_callBack);
            require(first && !second, "expected to work exactly once");
        }
        return this.onERC721Received.selector;
    }
}
