"""A server that plays S3 for one small object, so that clients are compared and not a server. For ``bench_s3_client``.

``manifest.json`` answers a conditional GET with 304; ``drip`` sends its body a byte at a time, each in less than any timeout.
``python -m benchmarks.s3_player [CERTIFICATE]`` prints its port and ends with its standard input.
"""

import datetime
import ipaddress
import socket
import ssl
import sys
import threading
import time
from pathlib import Path

ETAG = '"0123456789abcdef0123456789abcdef"'
BODY = b'{"format":1}' * 60
DRIP_BYTES, DRIP_SECONDS = 400, 0.005


def make_certificate(place: Path) -> None:
    """A certificate for 127.0.0.1, good for a day, and beside it its key with the suffix ``.key``."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "S3 player")])
    now = datetime.datetime.now(datetime.UTC)
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
        .add_extension(identifier, False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    place.with_suffix(".key").write_bytes(private)
    place.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))


def _answer(connection: socket.socket, head: bytes) -> None:
    path = head.split(b" ", 2)[1]
    if path.endswith(b"/drip"):
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {DRIP_BYTES}\r\nETag: {ETAG}\r\n\r\n".encode())
        for _ in range(DRIP_BYTES):
            connection.sendall(b".")
            time.sleep(DRIP_SECONDS)
    elif ETAG.encode() in head:
        connection.sendall(f"HTTP/1.1 304 Not Modified\r\nETag: {ETAG}\r\nServer: player\r\n\r\n".encode())
    else:
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\nETag: {ETAG}\r\n\r\n".encode() + BODY)


def _serve(connection: socket.socket, context: ssl.SSLContext | None) -> None:
    try:
        if context:
            connection = context.wrap_socket(connection, server_side=True)
        buffer = b""
        while piece := connection.recv(65536):
            buffer += piece
            while b"\r\n\r\n" in buffer:
                head, _, buffer = buffer.partition(b"\r\n\r\n")
                _answer(connection, head)
    except OSError:
        pass  # the client has gone, as clients do
    finally:
        connection.close()


def _accept(listener: socket.socket, context: ssl.SSLContext | None) -> None:
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_serve, args=(connection, context), daemon=True).start()


def main() -> None:
    context = None
    if len(sys.argv) > 1:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], Path(sys.argv[1]).with_suffix(".key"))
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    threading.Thread(target=_accept, args=(listener, context), daemon=True).start()
    print(listener.getsockname()[1], flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
