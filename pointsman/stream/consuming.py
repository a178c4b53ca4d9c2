"""An exchange whose bodies pass consumers (bodies.py), with the credit of the side that takes what comes out.

      upload   --> request_chain  --> as much as the server takes  ... server_drained: the rest
      download --> response_chain --> as much as the client takes  ... client_drained: the rest

There is a chain only where somebody has asked for one; elsewhere payload goes from side to side, and may go unseen.
While a chain has something to give nothing more is read for it. A response whose server has sent all of it lets the
server go, even if its chain has not given all yet (LAST).
"""

from typing import Final

from pointsman.proto.consumer import RESIZES, UNSEEN, BodyConsumer, BodyError
from pointsman.proto.message import Field, Request, Response
from pointsman.rules.plan import MOVING
from pointsman.stream.bodies import BodyChain, resized_request, resized_response
from pointsman.stream.faults import Faults
from pointsman.stream.phases import FORWARD, SERVICE

PORTIONS: Final = 16  # that a chain gives in one go, so that one that makes very much of little starves nobody
_P: Final = 0x50  # letters of the termination state
_H: Final = 0x48
_D: Final = 0x44


class Consuming(Faults):
    request_chain: BodyChain | None = None
    response_chain: BodyChain | None = None
    draining = False  # a chain has more to give; another go was asked for

    # What http.py adds.

    def client_drained(self) -> None:
        raise NotImplementedError

    def download_blocked(self) -> bool:
        """The client takes no more of the response's body at the moment."""
        raise NotImplementedError

    # Who consumes.

    def consume_request(self, consumer: BodyConsumer) -> None:
        """The request's body passes it, behind the consumers that are there already. To be called before the request
        goes out."""
        chain = self.request_chain
        if chain is None:
            chain = self.request_chain = BodyChain()
        chain.add(consumer)
        self.context.asked |= MOVING  # nothing of the exchange is remembered

    def consume_response(self, consumer: BodyConsumer) -> None:
        """The same of the response, whoever gives it: a server, or a service of our own (served.py). Pages and other
        answers that are sent in one piece pass nobody."""
        chain = self.response_chain
        if chain is None:
            chain = self.response_chain = BodyChain()
        chain.add(consumer)
        self.context.asked |= MOVING

    def drop_chains(self) -> None:
        """Nothing more passes them. (At the end of an exchange served.py sees to it.)"""
        chain = self.request_chain
        if chain is not None:
            self.request_chain = None
            chain.abort()
        chain = self.response_chain
        if chain is not None:
            self.response_chain = None
            chain.abort()

    def drop_request_chain(self) -> None:
        chain = self.request_chain
        if chain is not None:
            self.request_chain = None
            chain.abort()

    def cut(self) -> None:
        self.drop_chains()
        super().cut()

    # Their say.

    def ask_request_chain(self, request: Request) -> Request | None:
        """The head with what they mean to do with its body. None: it does not go out, and the exchange has its answer.
        Of a client whose version does not know bodies of unknown length the server may be as old: there the length
        stays. A request without a body, or with one of length 0, passes nobody."""
        chain = self.request_chain
        if chain is None or chain.begun:
            return request
        if not request.chunked and request.length <= 0:
            self.drop_request_chain()
            return request
        try:
            say = chain.begin(request, self.client.takes_interim)
        except BodyError as error:
            self._refuse_request(error)
            return None
        if say == UNSEEN:
            self.drop_request_chain()
        elif say == RESIZES and not request.chunked:
            request = self.context.request = resized_request(request)
        return request

    def ask_response_chain(self, response: Response) -> Response | None:
        """The same of a response, behind all rules. A head without a body says what it would say with one."""
        chain = self.response_chain
        if chain is None or chain.begun:
            return response
        try:
            say = chain.begin(response, True)
        except BodyError as error:
            self.internal_error()
            self.drop_answer(self.page(error.status or 502), _P, _H)
            return None
        bare = response.status in (204, 304)
        if say == RESIZES:
            chunked = response.chunked if bare else not self.bodiless or self.client.takes_interim
            response = self.context.response = resized_response(response, chunked)
        if say == UNSEEN or bare or self.bodiless or response.empty:
            self.response_chain = None
            chain.abort()
        return response

    # The request's body.

    def consume_upload(self, chain: BodyChain, payload: bytes) -> None:
        """A piece of it has come."""
        self.record.uploaded += len(payload)
        chain.feed(payload)
        self.touch_client()
        if not self.independent:
            self.touch_server()
        self.drain_request()

    def drain_request(self) -> bool:
        """Give the server what it takes. True: it takes more than there is."""
        for _ in range(PORTIONS):
            chain = self.request_chain
            place = self.place
            if chain is None or not chain.begun or place is None:
                return True
            if place.is_blocked():
                return False
            try:
                payload = chain.next()
            except BodyError as error:
                self._refuse_request(error)
                return False
            if payload:
                place.send_body(payload)
            elif chain.over:
                place.end_body(chain.trailers)
                self.request_chain = None
            else:
                if chain.passes():
                    self.request_chain = None
                return True
            lives = place.flush()
            if chain.over or not self.independent:
                self.touch_server()
            connection = self.connection
            if not lives and connection is not None:
                connection.look(self)  # it may have answered before it went away
                return False
        self.drain_soon()
        return False

    def _refuse_request(self, error: BodyError) -> None:
        self.closing = True
        self.internal_error()
        if self.answer_begun:
            self.blame(_P, _D)
            self.cut()
        else:
            self.refuse(error.status or 500, _P, _H)

    # The response's body.

    def consume_download(self, chain: BodyChain, payload: bytes) -> None:
        """A piece of it has come."""
        chain.feed(payload)
        if self.drain_response() and self.phase == FORWARD and self.connection is not None:
            self.touch_server()

    def end_response_chain(self, chain: BodyChain, trailers: list[Field]) -> None:
        """All of it has come."""
        chain.end(trailers)
        self.touch_client()
        self.drain_response()

    def drain_response(self) -> bool:
        """Give the client what it takes. True: it takes more than there is, and more is to come."""
        client = self.client
        for _ in range(PORTIONS):
            chain = self.response_chain
            if chain is None or not chain.begun:
                return True
            if client.is_blocked():
                self._await_client()
                return False
            try:
                payload = chain.next()
            except BodyError:
                self.internal_error()
                self.blame(_P, _D)
                self.cut()
                return False
            if payload:
                self.record.sent += client.send_body(payload)
                self.flush_client()
                if self.response_chain is not chain:
                    return False  # the client has left
            elif chain.over:
                self.response_chain = None
                self.record.sent += client.end_body(chain.trailers)
                self.complete()
                return False
            else:
                if chain.passes():
                    self.response_chain = None
                return True
        self.drain_soon()
        return False

    def _await_client(self) -> None:
        """It is the client that takes its time, not the server."""
        self.touch_client()
        self.sleep_on()

    # Another go.

    def drain_soon(self) -> None:
        """Go on a little later: there is more to give."""
        self.draining = True
        self.reactor.another(self)

    def go(self) -> None:
        if self.draining:
            self.draining = False
            if self.request_chain is not None:
                self.server_drained()
            if self.response_chain is not None or self.phase == SERVICE:
                self.client_drained()
        super().go()
