/** The devices by name: the one package that knows every kind. */
package io.kinema.train.device;
